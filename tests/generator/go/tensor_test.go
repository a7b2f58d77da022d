package tfs

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestFromNested(t *testing.T) {
	matrix, err := FromNested[int32]([][]int32{{1, 2}, {3, 4}, {5, 6}})
	if err != nil || !reflect.DeepEqual(matrix, NewTensor([]int32{1, 2, 3, 4, 5, 6}, 3, 2)) {
		t.Fatal(matrix, err)
	}
	if row := matrix.Row(1); !reflect.DeepEqual(row, []int32{3, 4}) || cap(row) != 2 {
		t.Fatal(row, cap(row))
	}
	cube, err := FromNested[string]([1][][2]string{{{"a", "b"}, {"c", "d"}}})
	if err != nil || !reflect.DeepEqual(cube, NewTensor([]string{"a", "b", "c", "d"}, 1, 2, 2)) {
		t.Error(cube, err)
	}
	if scalar, err := FromNested[bool](true); err != nil || !reflect.DeepEqual(scalar, Tensor[bool]{[]bool{true}, []int{}}) {
		t.Error(scalar, err)
	}
	if empty, err := FromNested[uint8]([][]byte{}); err != nil || !reflect.DeepEqual(empty, Tensor[uint8]{[]uint8{}, []int{0, 0}}) {
		t.Error(empty, err)
	}
	for want, nested := range map[string]any{
		"have 1 and 0 elements":                      [][]int32{{1}, {}},
		"have 0 and 1 elements":                      [][][]int32{{}, {{1}}},
		"slices of int32, found []int64":             []int64{1},
		"slices of int32, found []interface {}":      []any{int32(1)},
		"slices of int32, found map[string]int32":    map[string]int32{},
		"slices of int32, found nil":                 nil,
		"expected nested slices of int32, found int": 1,
	} {
		if _, err := FromNested[int32](nested); !errors.Is(err, ErrNotSent) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestTensorsThatDoNotFitAreRefused(t *testing.T) {
	rows := TensorSpec{DType: "float32", Shape: []int{-1, 2}}
	free := TensorSpec{DType: "float32"}
	for want, err := range map[string]error{
		"":                 NewTensor([]float32{1, 2}, 1, 2).fits(rows),
		"needs 4 elements": NewTensor([]float32{1, 2}, 2, 2).fits(rows),
		"[2] does not fit the signature's [-1, 2]": NewTensor([]float32{1, 2}).fits(rows),
		"[2, 1] does not fit":                      NewTensor([]float32{1, 2}, 2, 1).fits(rows),
		"[-1, -2] is not a shape":                  NewTensor([]float32{1, 2}, -1, -2).fits(free),
		"[4294967296, 4294967296] ":                NewTensor([]float32{1}, 1<<32, 1<<32).fits(free),
		"element 1 is 8":                           NewTensor([]int8{-8, 8}).fits(TensorSpec{DType: "int4"}),
		"element 0 is 4":                           NewTensor([]uint8{4}).fits(TensorSpec{DType: "uint2"}),
	} {
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", want, err)
		}
	}
	for _, err := range []error{
		Scalar(float32(1)).fits(TensorSpec{DType: "float32", Shape: []int{}}),
		NewTensor([]string{}, 0, 7).fits(TensorSpec{DType: "string"}),
		NewTensor([]int8{-8, 7}).fits(TensorSpec{DType: "int4"}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestHalvesRoundToEven(t *testing.T) {
	check := func(infinity uint16, round func(float32) uint16, float func(uint16) float32) {
		for h := range infinity - 1 {
			middle := float32((float64(float(h)) + float64(float(h+1))) / 2) // exact
			above := math.Nextafter32(middle, math.MaxFloat32)
			got := []uint16{round(float(h)), round(math.Nextafter32(middle, 0)), round(middle), round(above), round(-above)}
			if want := []uint16{h, h, h + h&1, h + 1, h + 1 | 0x8000}; !reflect.DeepEqual(got, want) {
				t.Fatalf("around %g: %#x, not %#x", middle, got, want)
			}
		}
		if round(float(infinity)) != infinity || round(math.MaxFloat32) != infinity {
			t.Error("what is too large is not infinite")
		}
		if nan := float(round(float32(math.NaN()))); nan == nan {
			t.Error("NaN is lost")
		}
	}
	check(0x7c00, func(f float32) uint16 { return uint16(ToFloat16(f)) },
		func(bits uint16) float32 { return Float16(bits).Float32() })
	check(0x7f80, func(f float32) uint16 { return uint16(ToBFloat16(f)) },
		func(bits uint16) float32 { return BFloat16(bits).Float32() })
}
