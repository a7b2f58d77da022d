package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
)

// TensorFlow Serving's JSON is wider than the standard: it has NaN, Infinity and -Infinity, and its
// strings may hold any bytes. Its integers need all their digits, and its floats a decimal point.

// appendJSONTensor writes a tensor as nested lists.
func appendJSONTensor(b []byte, data any, shape []int) ([]byte, error) {
	for _, size := range shape[:max(len(shape)-1, 0)] {
		if size == 0 {
			return nil, unsupported("JSON cannot say what follows the 0 in shape %s; use gRPC", dims(shape))
		}
	}
	switch data := data.(type) {
	case []float32:
		return appendLists(b, shape, data, func(b []byte, v float32) []byte { return appendJSONFloat(b, float64(v), 32) }), nil
	case []float64:
		return appendLists(b, shape, data, func(b []byte, v float64) []byte { return appendJSONFloat(b, v, 64) }), nil
	case []int8:
		return appendLists(b, shape, data, appendJSONInt), nil
	case []int16:
		return appendLists(b, shape, data, appendJSONInt), nil
	case []int32:
		return appendLists(b, shape, data, appendJSONInt), nil
	case []int64:
		return appendLists(b, shape, data, appendJSONInt), nil
	case []uint8:
		return appendLists(b, shape, data, appendJSONUint), nil
	case []uint32:
		return appendLists(b, shape, data, appendJSONUint), nil
	case []uint64:
		return appendLists(b, shape, data, appendJSONUint), nil
	case []bool:
		return appendLists(b, shape, data, strconv.AppendBool), nil
	case []string:
		return appendLists(b, shape, data, appendJSONBytes), nil
	}
	return nil, unsupported("%T has no form in JSON; use gRPC", data)
}

// appendLists writes data as lists nested as shape says.
func appendLists[T any](b []byte, shape []int, data []T, element func([]byte, T) []byte) []byte {
	if len(shape) == 0 {
		return element(b, data[0])
	}
	b = append(b, '[')
	for i := range shape[0] {
		if i > 0 {
			b = append(b, ',')
		}
		size := len(data) / shape[0]
		b = appendLists(b, shape[1:], data[i*size:(i+1)*size], element)
	}
	return append(b, ']')
}

func appendJSONInt[T int8 | int16 | int32 | int64](b []byte, v T) []byte {
	return strconv.AppendInt(b, int64(v), 10)
}

func appendJSONUint[T uint8 | uint32 | uint64](b []byte, v T) []byte {
	return strconv.AppendUint(b, uint64(v), 10)
}

func appendJSONFloat(b []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, "NaN"...)
	case math.IsInf(v, 1):
		return append(b, "Infinity"...)
	case math.IsInf(v, -1):
		return append(b, "-Infinity"...)
	}
	start := len(b)
	b = strconv.AppendFloat(b, v, 'g', -1, bits)
	if !bytes.ContainsAny(b[start:], ".e") {
		b = append(b, ".0"...) // without, -0 would lose its sign
	}
	return b
}

func appendJSONBytes(b []byte, v string) []byte {
	b = append(b, `{"b64":"`...)
	b = base64.StdEncoding.AppendEncode(b, []byte(v))
	return append(b, `"}`...)
}

func appendJSONString(b []byte, v string) []byte {
	quoted, _ := json.Marshal(v) // cannot fail for a string
	return append(b, quoted...)
}
