package client

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// readPredictResponse sets the outputs from a PredictResponse.
func readPredictResponse(message []byte, outputs []output) error {
	found := make(map[string]bool, len(outputs))
	err := eachField(message, func(f field) error {
		if f.number != responseOutputs || f.kind != protowire.BytesType {
			return nil
		}
		var name string
		var tensor []byte
		err := eachField(f.chunk, func(f field) error {
			switch {
			case f.number == mapKey && f.kind == protowire.BytesType:
				name = string(f.chunk)
			case f.number == mapValue && f.kind == protowire.BytesType:
				tensor = f.chunk
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i := range outputs {
			if outputs[i].name == name {
				found[name] = true
				return readOutput(tensor, &outputs[i])
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return missing(outputs, found)
}

func readOutput(message []byte, out *output) error {
	t, err := readTensor(message)
	if err != nil {
		return about(err, "output %q", out.name)
	}
	if t.dtype != out.dtype {
		return badAnswer("output %q is %s, but this client was generated for %s", out.name, t.dtype, out.dtype)
	}
	data, err := t.values()
	if err != nil {
		return about(err, "output %q", out.name)
	}
	return out.set(data, t.shape)
}

// field is a field of a message: a number, or a chunk of bytes.
type field struct {
	number protowire.Number
	kind   protowire.Type
	value  uint64
	chunk  []byte
}

// eachField calls visit for each field of a message.
func eachField(message []byte, visit func(field) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return broken(n)
		}
		message = message[n:]
		f := field{number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(message)
		case protowire.BytesType:
			f.chunk, n = protowire.ConsumeBytes(message)
		case protowire.Fixed32Type, protowire.Fixed64Type:
			n = protowire.ConsumeFieldValue(number, kind, message)
			f.chunk = message[:max(n, 0)]
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return broken(n)
		}
		message = message[n:]
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

func broken(n int) error {
	return badAnswer("broken protobuf: %v", protowire.ParseError(n))
}

// tensorProto is a TensorProto whose values are not read yet.
type tensorProto struct {
	message []byte
	dtype   dtype
	shape   []int
	count   int
	content []byte
}

func readTensor(message []byte) (*tensorProto, error) {
	t := &tensorProto{message: message, shape: []int{}}
	err := eachField(message, func(f field) (err error) {
		switch {
		case f.number == tensorDtype && f.kind == protowire.VarintType:
			t.dtype = dtype(f.value)
		case f.number == tensorShape && f.kind == protowire.BytesType:
			t.shape, err = appendShape(t.shape, f.chunk)
		case f.number == tensorContent && f.kind == protowire.BytesType:
			t.content = f.chunk
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	count, ok := elements(t.shape)
	if !ok {
		return nil, badAnswer("%s is no shape", dims(t.shape))
	}
	t.count = count
	return t, nil
}

func appendShape(shape []int, message []byte) ([]int, error) {
	err := eachField(message, func(f field) error {
		if f.number != shapeDim || f.kind != protowire.BytesType {
			return nil
		}
		if len(shape) == maxRank {
			return badAnswer("a tensor has more than %d dimensions", maxRank)
		}
		size := int64(0)
		err := eachField(f.chunk, func(f field) error {
			if f.number == dimSize && f.kind == protowire.VarintType {
				size = int64(f.value)
			}
			return nil
		})
		if size > math.MaxInt {
			size = -1 // which is no dimension either
		}
		shape = append(shape, int(size))
		return err
	})
	return shape, err
}
