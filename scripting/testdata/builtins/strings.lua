("abc"):byte(), ("abc"):byte(-1), ("abc"):byte(10)     --> 97, 99
string.byte("abc", 1, -1)                              --> 97, 98, 99
string.byte("abc", 0), string.byte("")                 --> nil
string.byte("\0\255", 1, 2)                            --> 0, 255
string.char(72, 105), string.char()                    --> "Hi", ""
string.char(0, 255)                                    --> "\0\255"
string.char(256)                                       --> error: invalid value
string.char(-1)                                        --> error: invalid value
("hello"):len(), string.len("\0\0"), #"abc"            --> 5, 2, 3
string.len(12)                                         --> 2
string.len({})                                         --> error: string expected
("MiXed1"):lower(), string.upper("MiXed1")             --> "mixed1", "MIXED1"
string.lower(nil)                                      --> error: string expected
("\196"):upper(), ("\228"):lower()                     --> "\196", "\228"
("ab"):rep(3), string.rep("x", 0), string.rep("x", -1) --> "ababab", "", ""
("ab"):rep(2.9)                                        --> "abab"
("x"):rep()                                            --> error: number expected
("abc"):reverse(), string.reverse("")                  --> "cba", ""
("hello"):sub(2, 3), ("hello"):sub(-3), ("x"):sub(2)   --> "el", "llo", ""
string.sub("hello", 0), string.sub("hello", -100, 2)   --> "hello", "he"
string.sub("hello", 3, 2), string.sub("hello", 2, 100) --> "", "ello"
string.sub("hello")                                    --> error: number expected
("hello"):sub("2", "3")                                --> "el"

("hello"):find("l"), ("hello"):find("xyz")             --> 3, nil
string.find("hello", "l+")                             --> 3, 4
string.find("hello", "(h)(e)")                         --> 1, 2, "h", "e"
string.find("a.b", ".", 1, true)                       --> 2, 2
string.find("a.b", ".", 2, false)                      --> 2, 2
string.find("abc", "b", -1)                            --> nil
string.find("abc", "b", -2)                            --> 2, 2
string.find("abc", "", 10)                             --: nil
string.find("abc", "")                                 --> 1, 0
string.find("abc", "", 4)                              --> 4, 3
string.find("", "")                                    --> 1, 0
string.find("a\0b", "\0", 1, true)                     --> 2, 2
string.find("abc", "()b()")                            --> 2, 2, 2, 3
string.find("x")                                       --> error: string expected

("key = value"):match("^(%w+)%s*=%s*(%w+)$")           --> "key", "value"
("  trim  "):match("^%s*(.-)%s*$")                     --> "trim"
("2026-01-02"):match("(%d+)-(%d+)-(%d+)")              --> "2026", "01", "02"
("abc"):match(".", 2), ("abc"):match("x")              --> "b", nil
("abc"):match("()"), ("abc"):match("b()")              --> 1, 3
("[[x]]"):match("%[%[(.*)%]%]")                        --> "x"
("f(a(b)c)d"):match("%b()")                            --> "(a(b)c)"
("THE (quick) fox"):find("%((%a+)%)")                  --> 5, 11, "quick"
("hello"):match("(l)(l)(o)")                           --> "l", "l", "o"
("abab"):match("(ab)%1")                               --> "ab"
("a-b"):match("a%-b"), ("a-b"):match("a-b")            --> "a-b", "b"
("aaa"):match("a-"), ("aaa"):match("a-$")              --> "", "aaa"
("aaa"):match("a?a?a?a?"), ("b"):match("a*")           --> "aaa", ""
("x^y"):match("x^y"), ("x$y"):match("x$y")             --> "x^y", "x$y"
("THE END"):match("%f[%a]%a+%f[%A]", 2)                --> "END"
("abc123"):match("%a+"), ("abc123"):match("%d+")       --> "abc", "123"
("a1_ \t\n"):match("[%w_]+"), ("\t"):match("%c")       --> "a1_", "\9"
("AbC"):match("%l"), ("AbC"):match("%u", 2)            --> "b", "C"
("!?x"):match("%p+"), ("beefX"):match("%x+")           --> "!?", "beef"
("a\0b"):match("%z"), ("a"):match("%Z")                --> "\0", "a"
("abc"):match("[^a]+"), ("a-z"):match("[a%-z]+")       --> "bc", "a-z"
("x]y"):match("[]]"), ("x^"):match("[x^]+")            --> "]", "x^"
("m"):match("[a-l]"), ("m"):match("[l-n]")             --> nil, "m"
string.match("abc", "%")                                   --> error: malformed pattern
("abc"):match("[a")                                    --> error: malformed pattern
("abc"):match("(a")                                    --> error: unfinished capture
("abc"):match("a)")                                    --> error: malformed pattern
("abc"):match("%1")                                    --> error: invalid capture index
("abc"):match("%b")                                    --> error: missing arguments to '%b'
("abc"):match("%f")                                    --> error: missing '[' after '%f'

local t = {}
for word in ("one two  three"):gmatch("%a+") do t[#t + 1] = word end
for k, v in string.gmatch("a=1, b=2", "(%w+)=(%w+)") do t[#t + 1] = k .. v end
t                                                      --> {"one", "two", "three", "a1", "b2"}

local t = {}
for at in ("aXbX"):gmatch("()X") do t[#t + 1] = at end
for c in ("ab"):gmatch("") do t[#t + 1] = c end
t                                                      --> {2, 4, "", "", ""}
string.gmatch("x")                                     --> error: string expected

("hello"):gsub("l", "L")                               --> "heLLo", 2
string.gsub("hello", "l", "L", 1)                      --> "heLlo", 1
string.gsub("hello", "", "-")                          --> "-h-e-l-l-o-", 6
string.gsub("abc", "%w", "%0%0")                       --> "aabbcc", 3
string.gsub("hello world", "(%w+) (%w+)", "%2 %1")     --> "world hello", 1
string.gsub("abc", "b", "%%")                          --> "a%c", 1
string.gsub("abc", "%w", {a = "1", b = true})          --> error: invalid replacement value
string.gsub("abc", "%w", {a = "1", b = 2, c = false})  --> "12c", 3
string.gsub("abc", "%w", function(c) if c == "b" then return "X" end end) --> "aXc", 3
string.gsub("$x + $y", "%$(%w+)", {x = "1"})           --> "1 + $y", 2
string.gsub("abc", "^a", "x")                          --> "xbc", 1
string.gsub("aaa", "^a", "x")                          --> "xaa", 1
string.gsub("abc", "b", "%2")                          --> error: invalid capture index
string.gsub("abc", "b", "x", 0)                        --> "abc", 0
string.gsub("abc", "b", nil)                           --> error: function or table expected
string.gsub("abc", "(b)()", function(c, at) return c .. at end) --> "ab3c", 1

("%d items"):format(3), ("%5d|%-5d|%05d"):format(42, 42, 42) --> "3 items", "   42|42   |00042"
string.format("%+d % d", 1, 1)                         --> "+1  1"
string.format("%s %s %s", 1, true, nil)                --: "1 true nil"
string.format("%10s|%-10s|%.2s", "a", "b", "abc")      --> "         a|b         |ab"
string.format("%x %X %#x %o", 255, 255, 255, 8)        --> "ff FF 0xff 10"
string.format("%c%c", 72, 105)                         --> "Hi"
string.format("%f %.2f %8.3f", 1.5, 2.345, 3.14159)    --> "1.500000 2.35    3.142"
string.format("%e %.1e %E", 12345, 12345, 0.5)         --> "1.234500e+04 1.2e+04 5.000000E-01"
string.format("%g %g %g %.3g", 100000, 1e20, 0.1, 3.14159) --> "100000 1e+20 0.1 3.14"
string.format("%i %u", 7, 7)                           --> "7 7"
string.format("%q", 'a "quoted"\n\\ \0')               --> "\34a \92\34quoted\92\34\92\10\92\92 \92000\34"
string.format("100%%")                                 --> "100%"
string.format("%d", "10")                              --> "10"
string.format("%s", setmetatable({}, {__tostring = function() return "own" end})) --: "own"
string.format("%d", 3.7)                               --> "3"
string.format("%d")                                    --> error: bad argument #2
string.format("%d", "x")                               --> error: number expected
string.format("%y", 1)                                 --> error: invalid format
string.format("%")                                     --> error: invalid
string.format("%123d", 1)                              --> error: invalid format

"a" < "b", "a" < "B", "Z" < "a", "" < "a"              --> true, false, true, true
"10" < "9", "a" <= "a", "ab" > "a"                     --> true, true, true
"10" + 5, "3" * "4", -"2", "0x10" + 0                  --> 15, 12, -2, 16
"abc" + 1                                              --> error: attempt to perform arithmetic on a string value
1 < "2"                                                --> error: attempt to compare
#"\195\169"                                            --> 2
("x").y                                                --> nil
