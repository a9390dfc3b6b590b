package sim

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// model is what the registers of the machines kv and registers are, in the plainest of terms: a
// value under each key, encoded, and nothing else. Checkers compare the machines with it.
//
// A step takes the value that a register has and says what it has then, and what the caller is
// told: an encoded value or, behind a "!", the code of a failure.
type model func(was string, args []any) (now, told string)

// keptElements is how long lists grow, as in machines/registers.lua.
const keptElements = 16

// models is what operations on registers do; their first argument is the key.
var models = map[string]model{
	"get": func(was string, _ []any) (string, string) { return was, was },
	"put": func(_ string, args []any) (string, string) { return encoded(args[1]), encoded("OK") },
	"del": func(was string, _ []any) (string, string) {
		return encoded(nil), encoded(was != encoded(nil))
	},
	"cas": func(was string, args []any) (string, string) {
		if was != encoded(args[1]) {
			return was, "!conflict"
		}
		return encoded(args[2]), encoded("OK")
	},
	"incr": func(was string, args []any) (string, string) {
		n, _ := decoded(was).(float64)
		by, _ := decoded(encoded(args[1])).(float64)
		return encoded(n + by), encoded(n + by)
	},
	"append": func(was string, args []any) (string, string) {
		list, _ := decoded(was).([]any)
		list = append(list[:len(list):len(list)], args[1])
		list = list[max(0, len(list)-keptElements):]
		return encoded(list), encoded(len(list))
	},
}

// arity is how many arguments a model needs.
var arity = map[string]int{"get": 1, "put": 2, "del": 1, "cas": 3, "incr": 2, "append": 2}

// nothing is the encoded value of a register that was never written.
const nothing = "\xc0"

func encoded(v any) string {
	data, err := value.FromAny(nil, v)
	if err != nil {
		return fmt.Sprintf("?%v", v)
	}
	return string(data)
}

// decoded is a value whose numbers are all float64.
func decoded(s string) any {
	v, err := value.ToAny([]byte(s))
	if err != nil {
		return nil
	}
	switch n := v.(type) {
	case int64:
		return float64(n)
	case uint64:
		return float64(n)
	}
	return v
}

// call is an operation on a register, read from what was sent.
type call struct {
	name string
	key  string
	args []any
}

// parse reads a call; ok: it is one on a register.
func parse(data []byte) (c call, ok bool) {
	v, err := scripting.DecodeValue(data)
	all, _ := v.([]any)
	if err != nil || len(all) < 2 {
		return call{}, false
	}
	name, _ := all[0].(string)
	if n := arity[name]; n == 0 || len(all) < 1+n {
		return call{}, false
	}
	return call{name, encoded(all[1]), all[1:]}, true
}

func (c call) on(was string) (now, told string) { return models[c.name](was, c.args) }
