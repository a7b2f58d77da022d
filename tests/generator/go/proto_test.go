package client

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// answer is a PredictResponse whose output "y" is a TensorProto of these parts.
func answer(d dtype, shape []int, values ...[]byte) []byte {
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

func decodes[T Element](t *testing.T, message []byte, d dtype, want ...T) {
	t.Helper()
	var got Tensor[T]
	err := readPredictResponse(message, []output{out("y", d, &got)})
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
	decodes[float32](t, answer(dtFloat32, pair, appendChunk(nil, floatVal, memory)), dtFloat32, 1, 2)
	decodes[float32](t, answer(dtFloat32, pair, appendChunk(nil, tensorContent, memory)), dtFloat32, 1, 2)
	decodes[float32](t, answer(dtFloat32, pair, unpacked(one), unpacked(two)), dtFloat32, 1, 2)
	decodes[float32](t, answer(dtFloat32, []int{3}, unpacked(one), unpacked(two)), dtFloat32, 1, 2, 2)
	decodes[float32](t, answer(dtFloat32, pair), dtFloat32, 0, 0)
	decodes[float32](t, answer(dtFloat32, nil, appendChunk(nil, floatVal, memory)), dtFloat32, 1)
	decodes[float32](t, answer(dtFloat32, []int{0, 5}), dtFloat32)
	decodes[complex64](t, answer(dtComplex64, nil, appendChunk(nil, scomplexVal, memory)), dtComplex64, 1+2i)
	minusOne := uint64(math.MaxUint64)
	decodes[int8](t, answer(dtInt8, pair, varintsOf(intVal, 5, minusOne)), dtInt8, 5, -1)
	decodes[int32](t, answer(dtInt32, pair, appendNumber(nil, intVal, minusOne), varintsOf(intVal, 7)), dtInt32, -1, 7)
	decodes[uint64](t, answer(dtUint64, pair, varintsOf(uint64Val, minusOne)), dtUint64, minusOne, minusOne)
	decodes[Float16](t, answer(dtFloat16, nil, varintsOf(halfVal, 0x3c00)), dtFloat16, ToFloat16(1))
	decodes[bool](t, answer(dtBool, pair, varintsOf(boolVal, 1, 0)), dtBool, true, false)
	decodes[string](t, answer(dtString, pair, appendChunk(nil, stringVal, []byte("a\xff"))), dtString, "a\xff", "a\xff")
	decodes[string](t, answer(dtString, pair, appendChunk(nil, tensorContent, []byte("\x02\x01abc"))), dtString, "ab", "c")
	decodes[uint8](t, answer(dtFloat8E5M2, pair, appendChunk(nil, float8Val, []byte{1, 2})), dtFloat8E5M2, 1, 2)
}

func TestLyingTensorsAreErrors(t *testing.T) {
	five := appendChunk(nil, tensorContent, []byte("12345"))
	for _, message := range [][]byte{
		answer(dtFloat32, []int{1 << 40}),
		answer(dtFloat32, []int{1 << 40, 1 << 40}),
		answer(dtFloat32, []int{math.MinInt64}),
		answer(dtFloat32, slices.Repeat([]int{1}, 255)),
		answer(dtFloat32, []int{1}, five),
		answer(dtInt32, []int{1}),
		answer(dtString, []int{2}, five),
		answer(dtBool, []int{5}, five),
		[]byte("HTTP/1.1 400 Bad Request"),
		{},
	} {
		for d, into := range map[dtype]sink{
			dtFloat32: new(Tensor[float32]), dtString: new(Tensor[string]), dtBool: new(Tensor[bool]),
		} {
			if err := readPredictResponse(message, []output{out("y", d, into)}); !errors.Is(err, ErrBadAnswer) {
				t.Errorf("%.60q: %v", message, err)
			}
		}
	}
}

func FuzzProto(f *testing.F) {
	whole := answer(dtString, []int{2}, appendChunk(nil, stringVal, []byte("ab")))
	for cut := range whole {
		f.Add(whole[:cut])
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		var y Tensor[string]
		if readPredictResponse(message, []output{out("y", dtString, &y)}) == nil {
			if err := y.fits(tensorSpec{}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestARequestHoldsWhatItSays(t *testing.T) {
	in := []input{
		{tensorSpec{name: "n", dtype: dtFloat32}, NewTensor([]float32{1, 2}, 1, 2)},
		{tensorSpec{name: "s", dtype: dtString}, NewTensor([]string{"", "\xff"})},
		{tensorSpec{name: "e", dtype: dtInt64}, NewTensor([]int64{}, 0, 3)},
		{tensorSpec{name: "?", dtype: dtBool}, NewTensor([]bool{true, false})},
		{tensorSpec{name: "i1", dtype: dtInt8}, NewTensor([]int8{-1})},
		{tensorSpec{name: "i2", dtype: dtInt16}, NewTensor([]int16{-2})},
		{tensorSpec{name: "i4", dtype: dtInt32}, NewTensor([]int32{-3})},
		{tensorSpec{name: "i8", dtype: dtInt64}, NewTensor([]int64{-4})},
		{tensorSpec{name: "u1", dtype: dtUint8}, NewTensor([]uint8{math.MaxUint8})},
		{tensorSpec{name: "u2", dtype: dtUint16}, NewTensor([]uint16{math.MaxUint16})},
		{tensorSpec{name: "u4", dtype: dtUint32}, NewTensor([]uint32{math.MaxUint32})},
		{tensorSpec{name: "u8", dtype: dtUint64}, NewTensor([]uint64{math.MaxUint64})},
		{tensorSpec{name: "f2", dtype: dtFloat16}, NewTensor([]Float16{1, 2})},
		{tensorSpec{name: "b2", dtype: dtBfloat16}, NewTensor([]BFloat16{3, 4})},
		{tensorSpec{name: "f8", dtype: dtFloat64}, NewTensor([]float64{-1.5, math.Inf(1)})},
		{tensorSpec{name: "c8", dtype: dtComplex64}, NewTensor([]complex64{1 + 2i, 3 - 4i})},
		{tensorSpec{name: "c16", dtype: dtComplex128}, NewTensor([]complex128{5 + 6i, 7 - 8i})},
	}
	c := &call{callSettings{modelRef: modelRef{model: "m", hasVersion: true}}, &signature{name: "sig"}}
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
		want[i.name], _ = i.from.parts()
	}
	if !reflect.DeepEqual(got, want) {
		t.Error(got)
	}
}
