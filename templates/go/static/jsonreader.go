package client

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonReader reads an answer from front to end.
type jsonReader struct {
	text string
	pos  int
}

// peek skips blanks and gives the byte that follows, 0 at the end.
func (r *jsonReader) peek() byte {
	for ; r.pos < len(r.text); r.pos++ {
		switch c := r.text[r.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// accept skips c if it follows.
func (r *jsonReader) accept(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.pos++
	return true
}

func (r *jsonReader) unexpected(wanted string) error {
	if r.peek() == 0 {
		return badAnswer("it ends where %s should be", wanted)
	}
	found := r.text[r.pos:min(r.pos+20, len(r.text))]
	return badAnswer("at byte %d %q stands where %s should be", r.pos, found, wanted)
}

// object calls member for each member, whose value it must read.
func (r *jsonReader) object(member func(name string) error) error {
	if !r.accept('{') {
		return r.unexpected("an object")
	}
	for first := true; !r.accept('}'); first = false {
		if !first && !r.accept(',') {
			return r.unexpected("a comma")
		}
		name, err := r.string()
		if err != nil {
			return err
		}
		if !r.accept(':') {
			return r.unexpected("a colon")
		}
		if err := member(name); err != nil {
			return err
		}
	}
	return nil
}

// skip reads over a value of any kind, whatever its depth.
func (r *jsonReader) skip() error {
	for depth := 0; ; {
		switch c := r.peek(); c {
		case '{', '[':
			depth++
			r.pos++
		case '}', ']':
			depth--
			r.pos++
		case ',', ':':
			r.pos++
		case '"':
			if _, err := r.string(); err != nil {
				return err
			}
		default:
			if _, err := r.word(); err != nil {
				return err
			}
		}
		if depth <= 0 {
			return nil
		}
	}
}

// word reads a number or a name such as true or NaN.
func (r *jsonReader) word() (string, error) {
	r.peek()
	start := r.pos
	for r.pos < len(r.text) && isWord(r.text[r.pos]) {
		r.pos++
	}
	if r.pos == start {
		return "", r.unexpected("a value")
	}
	return r.text[start:r.pos], nil
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.'
}

// string reads a string. Bytes that are no UTF-8 are kept.
func (r *jsonReader) string() (string, error) {
	if !r.accept('"') {
		return "", r.unexpected("a string")
	}
	var value strings.Builder
	for start := r.pos; r.pos < len(r.text); {
		switch c := r.text[r.pos]; {
		case c == '"':
			value.WriteString(r.text[start:r.pos])
			r.pos++
			return value.String(), nil
		case c == '\\':
			value.WriteString(r.text[start:r.pos])
			if err := r.escape(&value); err != nil {
				return "", err
			}
			start = r.pos
		case c < ' ':
			return "", badAnswer("a control character stands in a string at byte %d", r.pos)
		default:
			r.pos++
		}
	}
	return "", r.unexpected("the end of a string")
}

// escape reads an escape sequence and writes what it stands for.
func (r *jsonReader) escape(value *strings.Builder) error {
	if r.pos+1 < len(r.text) {
		if short := strings.IndexByte(`"\/bfnrt`, r.text[r.pos+1]); short >= 0 {
			value.WriteByte("\"\\/\b\f\n\r\t"[short])
			r.pos += 2
			return nil
		}
	}
	char, ok := r.codeUnit()
	if utf16.IsSurrogate(char) {
		low, _ := r.codeUnit()
		char = utf16.DecodeRune(char, low)
		ok = char != utf8.RuneError
	}
	if !ok {
		return badAnswer("the escape before byte %d stands for nothing", r.pos)
	}
	value.WriteRune(char)
	return nil
}

// codeUnit reads \uXXXX.
func (r *jsonReader) codeUnit() (rune, bool) {
	digits, ok := strings.CutPrefix(r.text[r.pos:], `\u`)
	if !ok || len(digits) < 4 {
		return 0, false
	}
	unit, err := strconv.ParseUint(digits[:4], 16, 16)
	r.pos += 6
	return rune(unit), err == nil
}
