// Package keyed is a core.Store on top of an ordered map of bytes that can change many keys
// atomically and durably. The stores persist/bbolt and persist/pebble are two such maps.
//
// It says what the keys and values are (format.go), turns updates into changes of keys (write.go),
// and reads entries back, a checksum for each (read.go). Everything is read from the map, nothing
// is kept in memory: what a reader sees is what one View of the map holds.
package keyed
