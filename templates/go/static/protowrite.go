package client

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The messages of TensorFlow Serving, written and read field by field: generated types would have
// to share a program's one registry with everybody else's copies of the same protos.

// Field numbers.
const (
	requestModelSpec, requestInputs                     = 1, 2
	responseOutputs                                     = 1
	specName, specVersion, specSignatureName, specLabel = 1, 2, 3, 4
	mapKey, mapValue                                    = 1, 2
	wrapperValue                                        = 1
	tensorDtype, tensorShape, tensorContent             = 1, 2, 4
	shapeDim, dimSize                                   = 2, 1
)

// The fields of a TensorProto that hold values, by type.
const (
	floatVal, doubleVal, intVal, stringVal, scomplexVal, int64Val  = 5, 6, 7, 8, 9, 10
	boolVal, dcomplexVal, halfVal, uint32Val, uint64Val, float8Val = 11, 12, 13, 16, 17, 18
)

// appendPredictRequest writes a PredictRequest.
func appendPredictRequest(b []byte, c *call) []byte {
	b = appendChunk(b, requestModelSpec, modelSpec(c))
	for _, in := range c.inputs {
		data, shape := in.from.parts()
		head := tensorHead(in.dtype, shape)
		size := len(head) + valuesSize(data)
		entry := protowire.SizeTag(mapKey) + protowire.SizeBytes(len(in.name)) +
			protowire.SizeTag(mapValue) + protowire.SizeBytes(size)
		b = protowire.AppendTag(b, requestInputs, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(entry))
		b = appendChunk(b, mapKey, []byte(in.name))
		b = protowire.AppendTag(b, mapValue, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(size))
		b = append(b, head...)
		b = appendValues(b, data)
	}
	return b
}

// predictRequestSize is about how long the request becomes.
func predictRequestSize(c *call) int {
	size := 1024
	for _, in := range c.inputs {
		data, _ := in.from.parts()
		size += 1024 + valuesSize(data)
	}
	return size
}

func modelSpec(c *call) []byte {
	b := appendChunk(nil, specName, []byte(c.model))
	b = appendChunk(b, specSignatureName, []byte(c.signature))
	switch {
	case c.hasVersion: // a wrapper message: version 0 is not the same as none
		b = appendChunk(b, specVersion, appendNumber(nil, wrapperValue, uint64(c.version)))
	case c.label != "":
		b = appendChunk(b, specLabel, []byte(c.label))
	}
	return b
}

func tensorHead(d dtype, shape []int) []byte {
	var sizes []byte
	for _, size := range shape {
		sizes = appendChunk(sizes, shapeDim, appendNumber(nil, dimSize, uint64(size)))
	}
	return appendChunk(appendNumber(nil, tensorDtype, uint64(d)), tensorShape, sizes)
}

// valuesSize is what appendValues adds.
func valuesSize(data any) int {
	strings, ok := data.([]string)
	if !ok {
		size := binary.Size(data)
		if size == 0 {
			return 0
		}
		return protowire.SizeTag(tensorContent) + protowire.SizeBytes(size)
	}
	size := 0
	for _, s := range strings {
		size += protowire.SizeTag(stringVal) + protowire.SizeBytes(len(s))
	}
	return size
}

// appendValues writes a tensor's elements: strings one by one, all else as memory.
func appendValues(b []byte, data any) []byte {
	strings, ok := data.([]string)
	if !ok {
		size := binary.Size(data)
		if size == 0 {
			return b
		}
		b = protowire.AppendTag(b, tensorContent, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(size))
		return appendBinary(b, data)
	}
	for _, s := range strings {
		b = protowire.AppendTag(b, stringVal, protowire.BytesType)
		b = protowire.AppendString(b, s)
	}
	return b
}

func appendChunk(b []byte, field protowire.Number, chunk []byte) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendBytes(b, chunk)
}

func appendNumber(b []byte, field protowire.Number, number uint64) []byte {
	b = protowire.AppendTag(b, field, protowire.VarintType)
	return protowire.AppendVarint(b, number)
}

// appendBinary writes a slice of numbers as memory in the wire's byte order.
func appendBinary(b []byte, data any) []byte {
	order := binary.LittleEndian
	switch data := data.(type) { // what encoding/binary does slowly
	case []Float16:
		for _, v := range data {
			b = order.AppendUint16(b, uint16(v))
		}
	case []BFloat16:
		for _, v := range data {
			b = order.AppendUint16(b, uint16(v))
		}
	case []complex64:
		for _, v := range data {
			b = order.AppendUint32(b, math.Float32bits(real(v)))
			b = order.AppendUint32(b, math.Float32bits(imag(v)))
		}
	case []complex128:
		for _, v := range data {
			b = order.AppendUint64(b, math.Float64bits(real(v)))
			b = order.AppendUint64(b, math.Float64bits(imag(v)))
		}
	default:
		b, _ = binary.Append(b, order, data) // fails only for types without a size
	}
	return b
}
