package core

// BackupRequest is what a RequestBackup asks for: a piece of a stream that begins with piece 0. A
// node makes a stream when its first piece is asked for, keeps it while pieces are asked for in
// order, and repeats the newest as often as it is asked to, so that a broken connection ends
// nothing.
type BackupRequest struct {
	Stream uint64 `json:"stream"` // drawn at random by whoever asks
	Piece  uint64 `json:"piece"`
}

// MaxBackupPiece bounds a piece, in bytes.
const MaxBackupPiece = 256 << 10

// DecodeBackupRequest reads the JSON of a BackupRequest. The error wraps ErrChange.
func DecodeBackupRequest(src []byte) (b BackupRequest, err error) {
	err = decodeStrictly(src, &b)
	return b, err
}
