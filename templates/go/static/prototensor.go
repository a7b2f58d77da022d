package client

import (
	"encoding/binary"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxPadding is how many bytes a tensor may need for elements that its message leaves out.
const maxPadding = 16 << 20

// values gives the elements as a slice of their Go type. As TensorFlow does, it prefers the content
// to the typed fields, takes the last value for all that are left out, and zero if there is none.
func (t *tensorProto) values() (any, error) {
	switch t.dtype {
	case dtFloat32:
		return memory[float32](t, floatVal)
	case dtFloat64:
		return memory[float64](t, doubleVal)
	case dtComplex64:
		return memory[complex64](t, scomplexVal)
	case dtComplex128:
		return memory[complex128](t, dcomplexVal)
	case dtFloat8E5M2, dtFloat8E4M3FN, dtFloat8E4M3FNUZ, dtFloat8E4M3B11FNUZ, dtFloat8E5M2FNUZ:
		return memory[uint8](t, float8Val)
	case dtFloat16:
		return integers[Float16](t, halfVal)
	case dtBfloat16:
		return integers[BFloat16](t, halfVal)
	case dtInt8, dtQint8, dtInt4, dtInt2:
		return integers[int8](t, intVal)
	case dtInt16, dtQint16:
		return integers[int16](t, intVal)
	case dtInt32, dtQint32:
		return integers[int32](t, intVal)
	case dtUint8, dtQuint8, dtUint4, dtUint2:
		return integers[uint8](t, intVal)
	case dtUint16, dtQuint16:
		return integers[uint16](t, intVal)
	case dtInt64:
		return integers[int64](t, int64Val)
	case dtUint32:
		return integers[uint32](t, uint32Val)
	case dtUint64:
		return integers[uint64](t, uint64Val)
	case dtBool:
		return t.bools()
	case dtString:
		return t.strings()
	}
	return nil, badAnswer("a tensor of type %s cannot be read", t.dtype)
}

// memory reads numbers whose typed field, if packed, holds the same bytes as the content.
func memory[T float32 | float64 | complex64 | complex128 | uint8](t *tensorProto, number protowire.Number) ([]T, error) {
	if len(t.content) > 0 {
		return contents[T](t)
	}
	var raw []byte
	err := t.eachValue(number, func(f field) error {
		if raw == nil || number == float8Val { // that is one field of bytes, not a list
			raw = slices.Clip(f.chunk)
		} else {
			raw = append(raw, f.chunk...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	data := make([]T, min(len(raw)/binary.Size(*new(T)), t.count))
	readBinary(data, raw)
	return padded(data, t.count)
}

// contents reads the content, which must be as long as the shape says.
func contents[T any](t *tensorProto) ([]T, error) {
	if len(t.content) != t.count*binary.Size(*new(T)) {
		return nil, badAnswer("a %s tensor of shape %s has %d bytes", t.dtype, dims(t.shape), len(t.content))
	}
	data := make([]T, t.count)
	readBinary(data, t.content)
	return data, nil
}

// integers reads numbers whose typed field holds varints, cut to their width.
func integers[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | Float16 | BFloat16](t *tensorProto, number protowire.Number) ([]T, error) {
	if len(t.content) > 0 {
		return contents[T](t)
	}
	return varints(t, number, func(value uint64) T { return T(value) })
}

func (t *tensorProto) bools() ([]bool, error) {
	if len(t.content) == 0 {
		return varints(t, boolVal, func(value uint64) bool { return value != 0 })
	}
	for _, b := range t.content {
		if b > 1 {
			return nil, badAnswer("a bool is %d", b)
		}
	}
	return contents[bool](t)
}

func varints[T any](t *tensorProto, number protowire.Number, convert func(uint64) T) ([]T, error) {
	data := make([]T, 0, min(t.count, len(t.message)))
	err := t.eachValue(number, func(f field) error {
		if f.kind == protowire.VarintType {
			if len(data) < t.count {
				data = append(data, convert(f.value))
			}
			return nil
		}
		for packed := f.chunk; len(packed) > 0 && len(data) < t.count; {
			value, n := protowire.ConsumeVarint(packed)
			if n < 0 {
				return broken(n)
			}
			data = append(data, convert(value))
			packed = packed[n:]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return padded(data, t.count)
}

// strings reads strings from their field, or from content: all lengths, then all bytes.
func (t *tensorProto) strings() ([]string, error) {
	data := make([]string, 0, min(t.count, len(t.message)))
	if len(t.content) == 0 {
		err := t.eachValue(stringVal, func(f field) error {
			if len(data) < t.count {
				data = append(data, string(f.chunk))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		return padded(data, t.count)
	}
	bytes := t.content
	for range t.count {
		_, n := protowire.ConsumeVarint(bytes)
		if n < 0 {
			return nil, broken(n)
		}
		bytes = bytes[n:]
	}
	for lengths := t.content; len(data) < t.count; {
		length, n := protowire.ConsumeVarint(lengths)
		if length > uint64(len(bytes)) {
			return nil, badAnswer("a string of %d bytes has %d", length, len(bytes))
		}
		data = append(data, string(bytes[:length]))
		lengths, bytes = lengths[n:], bytes[length:]
	}
	if len(bytes) > 0 {
		return nil, badAnswer("%d bytes are left behind the strings", len(bytes))
	}
	return data, nil
}

// eachValue calls visit for each field of this number. It may hold one value or a chunk of many.
func (t *tensorProto) eachValue(number protowire.Number, visit func(field) error) error {
	return eachField(t.message, func(f field) error {
		if f.number != number {
			return nil
		}
		return visit(f)
	})
}

// padded repeats the last value up to count values, or zero if there is none.
func padded[T any](data []T, count int) ([]T, error) {
	absent := count - len(data)
	if absent == 0 {
		return data, nil
	}
	size := max(binary.Size(*new(T)), 16) // a string's header has no binary.Size
	if absent > maxPadding/size {
		return nil, badAnswer("a tensor of %d elements has only %d of them", count, len(data))
	}
	var last T
	if len(data) > 0 {
		last = data[len(data)-1]
	}
	for range absent {
		data = append(data, last)
	}
	return data, nil
}

// readBinary fills a slice of numbers from memory in the wire's byte order.
func readBinary(data any, memory []byte) {
	order := binary.LittleEndian
	switch data := data.(type) { // what encoding/binary does slowly
	case []Float16:
		for i := range data {
			data[i] = Float16(order.Uint16(memory[2*i:]))
		}
	case []BFloat16:
		for i := range data {
			data[i] = BFloat16(order.Uint16(memory[2*i:]))
		}
	case []complex64:
		for i := range data {
			re, im := order.Uint32(memory[8*i:]), order.Uint32(memory[8*i+4:])
			data[i] = complex(math.Float32frombits(re), math.Float32frombits(im))
		}
	case []complex128:
		for i := range data {
			re, im := order.Uint64(memory[16*i:]), order.Uint64(memory[16*i+8:])
			data[i] = complex(math.Float64frombits(re), math.Float64frombits(im))
		}
	default:
		_, _ = binary.Decode(memory, order, data) // fails only where memory is too short
	}
}
