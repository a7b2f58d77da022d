package tfs

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// answer is a PredictResponse whose output "y" is a TensorProto of these parts.
func answer(d DType, shape []int, values ...[]byte) []byte {
	tensor := slices.Concat(append([][]byte{tensorHead(d, shape)}, values...)...)
	entry := appendChunk(appendChunk(nil, mapKey, []byte("y")), mapValue, tensor)
	return appendChunk(nil, responseOutputs, entry)
}

func varintsOf(field protowire.Number, values ...uint64) []byte {
	var packed []byte
	for _, v := range values {
		packed = protowire.AppendVarint(packed, v)
	}
	return appendChunk(nil, field, packed)
}

func decodes[T Element](t *testing.T, message []byte, d DType, want ...T) {
	t.Helper()
	var got Tensor[T]
	err := readPredictResponse(message, []fetch{out("y", d, &got)})
	if err != nil || !slices.Equal(got.Data, want) {
		t.Error(got, err)
	}
}

func TestEveryFormOfATensor(t *testing.T) {
	one, two := math.Float32bits(1), math.Float32bits(2)
	unpacked := func(bits uint32) []byte {
		return protowire.AppendFixed32(protowire.AppendTag(nil, floatVal, protowire.Fixed32Type), bits)
	}
	memory := protowire.AppendFixed32(protowire.AppendFixed32(nil, one), two)
	pair := []int{2}
	decodes[float32](t, answer("float32", pair, appendChunk(nil, floatVal, memory)), "float32", 1, 2)
	decodes[float32](t, answer("float32", pair, appendChunk(nil, tensorContent, memory)), "float32", 1, 2)
	decodes[float32](t, answer("float32", pair, unpacked(one), unpacked(two)), "float32", 1, 2)
	decodes[float32](t, answer("float32", []int{3}, unpacked(one), unpacked(two)), "float32", 1, 2, 2)
	decodes[float32](t, answer("float32", pair), "float32", 0, 0)
	decodes[float32](t, answer("float32", nil, unpacked(one)), "float32", 1)
	decodes[float32](t, answer("float32", []int{0, 5}), "float32")
	decodes[complex64](t, answer("complex64", nil, appendChunk(nil, scomplexVal, memory)), "complex64", 1+2i)
	minusOne := uint64(math.MaxUint64)
	decodes[int8](t, answer("int8", pair, varintsOf(intVal, 5, minusOne)), "int8", 5, -1)
	decodes[int32](t, answer("int32", pair, appendNumber(nil, intVal, minusOne), varintsOf(intVal, 7)), "int32", -1, 7)
	decodes[uint64](t, answer("uint64", pair, varintsOf(uint64Val, minusOne)), "uint64", minusOne, minusOne)
	decodes[Float16](t, answer("float16", nil, varintsOf(halfVal, 0x3c00)), "float16", ToFloat16(1))
	decodes[bool](t, answer("bool", pair, varintsOf(boolVal, 1, 0)), "bool", true, false)
	decodes[string](t, answer("string", pair, appendChunk(nil, stringVal, []byte("a\xff"))), "string", "a\xff", "a\xff")
	decodes[string](t, answer("string", pair, appendChunk(nil, tensorContent, []byte("\x02\x01abc"))), "string", "ab", "c")
	decodes[uint8](t, answer("float8_e5m2", pair, appendChunk(nil, float8Val, []byte{1, 2})), "float8_e5m2", 1, 2)
}

func TestMoreValuesThanTheShapeHasAreNotDropped(t *testing.T) {
	var got Tensor[int32]
	for _, message := range [][]byte{
		answer("int32", nil, varintsOf(intVal, 1, 2)),
		answer("int32", []int{1}, appendNumber(nil, intVal, 1), appendNumber(nil, intVal, 2)),
	} {
		err := readPredictResponse(message, []fetch{out("y", "int32", &got)})
		if !errors.Is(err, ErrBadAnswer) || !strings.Contains(err.Error(), "has 2 values") {
			t.Error(got, err)
		}
	}
	var text Tensor[string]
	twice := appendChunk(appendChunk(nil, stringVal, []byte("a")), stringVal, []byte("b"))
	if err := readPredictResponse(answer("string", nil, twice), []fetch{out("y", "string", &text)}); err == nil {
		t.Error(text)
	}
}

func TestLyingTensorsAreErrors(t *testing.T) {
	five := appendChunk(nil, tensorContent, []byte("12345"))
	for _, message := range [][]byte{
		answer("float32", []int{1 << 40}),
		answer("float32", []int{1 << 40, 1 << 40}),
		answer("float32", []int{math.MinInt64}),
		answer("float32", slices.Repeat([]int{1}, 255)),
		answer("float32", []int{1}, five),
		answer("float32", []int{1}, appendChunk(nil, floatVal, []byte("12345"))),
		answer("float32", []int{1}, appendChunk(appendChunk(nil, floatVal, []byte("12")), floatVal, []byte("34"))),
		answer("int32", []int{1}),
		answer("string", []int{2}, five),
		answer("bool", []int{5}, five),
		answer("float32", nil, appendChunk(nil, tensorShape, appendNumber(nil, shapeRankOpen, 1))),
		[]byte("HTTP/1.1 400 Bad Request"),
		{},
	} {
		for d, into := range map[DType]Output{
			"float32": new(Tensor[float32]), "string": new(Tensor[string]), "bool": new(Tensor[bool]),
		} {
			if err := readPredictResponse(message, []fetch{out("y", d, into)}); !errors.Is(err, ErrBadAnswer) {
				t.Errorf("%.60q: %v", message, err)
			}
		}
	}
}

func FuzzProto(f *testing.F) {
	whole := answer("string", []int{2}, appendChunk(nil, stringVal, []byte("ab")))
	for cut := range whole {
		f.Add(whole[:cut])
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		var y Tensor[string]
		if readPredictResponse(message, []fetch{out("y", "string", &y)}) == nil {
			if err := y.fits(TensorSpec{}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestARequestHoldsWhatItSays(t *testing.T) {
	in := []feed{
		{TensorSpec{Name: "n", DType: "float32"}, NewTensor([]float32{1, 2}, 1, 2)},
		{TensorSpec{Name: "s", DType: "string"}, NewTensor([]string{"", "\xff"})},
		{TensorSpec{Name: "e", DType: "int64"}, NewTensor([]int64{}, 0, 3)},
		{TensorSpec{Name: "?", DType: "bool"}, NewTensor([]bool{true, false})},
		{TensorSpec{Name: "i1", DType: "int8"}, NewTensor([]int8{-1})},
		{TensorSpec{Name: "i2", DType: "int16"}, NewTensor([]int16{-2})},
		{TensorSpec{Name: "i4", DType: "int32"}, NewTensor([]int32{-3})},
		{TensorSpec{Name: "i8", DType: "int64"}, NewTensor([]int64{-4})},
		{TensorSpec{Name: "u1", DType: "uint8"}, NewTensor([]uint8{math.MaxUint8})},
		{TensorSpec{Name: "u2", DType: "uint16"}, NewTensor([]uint16{math.MaxUint16})},
		{TensorSpec{Name: "u4", DType: "uint32"}, NewTensor([]uint32{math.MaxUint32})},
		{TensorSpec{Name: "u8", DType: "uint64"}, NewTensor([]uint64{math.MaxUint64})},
		{TensorSpec{Name: "f2", DType: "float16"}, NewTensor([]Float16{1, 2})},
		{TensorSpec{Name: "b2", DType: "bfloat16"}, NewTensor([]BFloat16{3, 4})},
		{TensorSpec{Name: "f8", DType: "float64"}, NewTensor([]float64{-1.5, math.Inf(1)})},
		{TensorSpec{Name: "c8", DType: "complex64"}, NewTensor([]complex64{1 + 2i, 3 - 4i})},
		{TensorSpec{Name: "c16", DType: "complex128"}, NewTensor([]complex128{5 + 6i, 7 - 8i})},
	}
	c := &call{callSettings: callSettings{modelRef: modelRef{model: "m", hasVersion: true}}, signature: &Signature{Name: "sig"}}
	p := predictRequest(c, in)
	request := p.write(nil)
	if len(request) != p.size {
		t.Errorf("it has %d bytes, not %d", len(request), p.size)
	}
	got := map[string]any{}
	if err := eachField(request, func(f field) error {
		if f.number == requestModelSpec {
			if want := []byte("\x0a\x01m\x1a\x03sig\x12\x02\x08\x00"); !bytes.Equal(f.chunk, want) {
				t.Errorf("%q", f.chunk)
			}
			return nil
		}
		var name string
		return eachField(f.chunk, func(f field) error {
			if f.number == mapKey {
				name = string(f.chunk)
				return nil
			}
			tensor, err := readTensor(f.chunk)
			if err != nil {
				return err
			}
			got[name], err = tensor.values()
			return err
		})
	}); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{}
	for _, i := range in {
		want[i.Name], _ = i.from.parts()
	}
	if !reflect.DeepEqual(got, want) {
		t.Error(got)
	}
}
