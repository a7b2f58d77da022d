package client

import (
	"encoding/base64"
	"math"
	"strconv"
)

// maxRank is TensorFlow's.
const maxRank = 254

// readJSONTensor reads an output, and gives its elements as a slice of their Go type.
func readJSONTensor(r *jsonReader, d dtype) (any, []int, error) {
	switch d {
	case dtFloat32:
		return readLists(r, jsonFloats[float32](32))
	case dtFloat64:
		return readLists(r, jsonFloats[float64](64))
	case dtInt8:
		return readLists(r, jsonInts[int8](8))
	case dtInt16:
		return readLists(r, jsonInts[int16](16))
	case dtInt32:
		return readLists(r, jsonInts[int32](32))
	case dtInt64:
		return readLists(r, jsonInts[int64](64))
	case dtUint8:
		return readLists(r, jsonUints[uint8](8))
	case dtUint32:
		return readLists(r, jsonUints[uint32](32))
	case dtUint64:
		return readLists(r, jsonUints[uint64](64))
	case dtBool:
		return readLists(r, jsonBool)
	case dtString:
		return readLists(r, jsonBytes)
	}
	return nil, nil, unsupported("%s has no form in JSON; use gRPC", d)
}

// readLists reads nested lists of elements.
func readLists[T any](r *jsonReader, element func(*jsonReader) (T, error)) (any, []int, error) {
	data := []T{}
	shape, err := r.lists(func() error {
		value, err := element(r)
		data = append(data, value)
		return err
	})
	return data, shape, err
}

// lists reads nested lists of equal lengths. At each element it calls element, which must read it.
// The shape ends at the first level where all lists are empty.
func (r *jsonReader) lists(element func() error) ([]int, error) {
	const open = -1 // in shape, until the first list of its level has ended
	shape, rank := []int{}, -1
	var level func(depth int) error
	level = func(depth int) error {
		if r.peek() != '[' {
			if rank < 0 && depth == len(shape) {
				rank = depth
			}
			if depth != rank {
				return r.unexpected("a list as deep as those before it")
			}
			return element()
		}
		if rank >= 0 && depth >= rank || depth >= maxRank {
			return r.unexpected("an element")
		}
		r.pos++
		if depth == len(shape) {
			shape = append(shape, open)
		}
		count := 0
		for ; !r.accept(']'); count++ {
			if count > 0 && !r.accept(',') {
				return r.unexpected("a comma")
			}
			if err := level(depth + 1); err != nil {
				return err
			}
		}
		if shape[depth] == open {
			shape[depth] = count
		}
		if shape[depth] != count {
			return badAnswer("it has lists of %d and of %d elements at one level", shape[depth], count)
		}
		return nil
	}
	if err := level(0); err != nil {
		return nil, err
	}
	return shape, nil
}

// jsonFloats makes a reader of floats that are bits wide.
func jsonFloats[T float32 | float64](bits int) func(*jsonReader) (T, error) {
	return func(r *jsonReader) (T, error) {
		word, err := r.word()
		if err != nil {
			return 0, err
		}
		switch word {
		case "NaN", "-NaN":
			return T(math.NaN()), nil
		case "Infinity", "Inf":
			return T(math.Inf(1)), nil
		case "-Infinity", "-Inf":
			return T(math.Inf(-1)), nil
		}
		v, err := strconv.ParseFloat(word, bits)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return 0, badAnswer("%q is no float%d", word, bits)
		}
		return T(v), nil
	}
}

// jsonInts makes a reader of integers that are bits wide.
func jsonInts[T int8 | int16 | int32 | int64](bits int) func(*jsonReader) (T, error) {
	return func(r *jsonReader) (T, error) {
		word, err := r.word()
		if err != nil {
			return 0, err
		}
		v, err := strconv.ParseInt(word, 10, bits)
		if err != nil {
			return 0, badAnswer("%q is no int%d", word, bits)
		}
		return T(v), nil
	}
}

// jsonUints makes a reader of unsigned integers that are bits wide.
func jsonUints[T uint8 | uint32 | uint64](bits int) func(*jsonReader) (T, error) {
	return func(r *jsonReader) (T, error) {
		word, err := r.word()
		if err != nil {
			return 0, err
		}
		v, err := strconv.ParseUint(word, 10, bits)
		if err != nil {
			return 0, badAnswer("%q is no uint%d", word, bits)
		}
		return T(v), nil
	}
}

func jsonBool(r *jsonReader) (bool, error) {
	word, err := r.word()
	if err != nil {
		return false, err
	}
	if word != "true" && word != "false" {
		return false, badAnswer("%q is no bool", word)
	}
	return word == "true", nil
}

// jsonBytes reads a string element: {"b64": ...} in outputs whose name ends in _bytes, else text.
func jsonBytes(r *jsonReader) (string, error) {
	if r.peek() != '{' {
		return r.string()
	}
	var value []byte
	members := 0
	err := r.object(func(name string) error {
		members++
		if name != "b64" {
			return badAnswer("a string is an object with %q", name)
		}
		text, err := r.string()
		if err != nil {
			return err
		}
		if value, err = base64.StdEncoding.DecodeString(text); err != nil {
			return badAnswer("%v", err)
		}
		return nil
	})
	if err == nil && members != 1 {
		err = badAnswer("a string is an object of %d members", members)
	}
	return string(value), err
}
