package client

import (
	"fmt"
	"math"
	"strings"
)

// Element is the type of a tensor's elements. A string may hold any bytes.
type Element interface {
	float32 | float64 | Float16 | BFloat16 |
		int8 | int16 | int32 | int64 |
		uint8 | uint16 | uint32 | uint64 |
		bool | string | complex64 | complex128
}

// Tensor is an array of any rank.
type Tensor[T Element] struct {
	// Data holds the elements in row-major order: the last index varies fastest.
	Data []T
	// Shape holds the dimensions; a scalar has none, and one element.
	Shape []int
}

// NewTensor makes a tensor of data, which is not copied; without a shape it is a vector. Whether
// the two fit each other is checked when the tensor is sent.
func NewTensor[T Element](data []T, shape ...int) Tensor[T] {
	if len(shape) == 0 {
		shape = []int{len(data)}
	}
	return Tensor[T]{Data: data, Shape: shape}
}

// Scalar makes a tensor without dimensions.
func Scalar[T Element](value T) Tensor[T] {
	return Tensor[T]{Data: []T{value}}
}

// FromRows copies rows, which must be of one length, into a matrix.
func FromRows[T Element](rows [][]T) (Tensor[T], error) {
	columns := 0
	if len(rows) > 0 {
		columns = len(rows[0])
	}
	data := make([]T, 0, len(rows)*columns)
	for i, row := range rows {
		if len(row) != columns {
			return Tensor[T]{}, invalid("row %d has %d elements, but row 0 has %d", i, len(row), columns)
		}
		data = append(data, row...)
	}
	return NewTensor(data, len(rows), columns), nil
}

// Row gives what lies at index i of the first dimension: the i-th row of a matrix, the i-th image
// of a batch. It shares the tensor's memory, and panics, as a slice does, if i is out of range.
func (t Tensor[T]) Row(i int) []T {
	if i < 0 || i >= t.Shape[0] {
		panic(fmt.Sprintf("row %d of a tensor of shape %s", i, dims(t.Shape)))
	}
	size := len(t.Data) / t.Shape[0]
	return t.Data[i*size : (i+1)*size : (i+1)*size]
}

// parts gives the elements as a slice of their type, and the dimensions.
func (t Tensor[T]) parts() (any, []int) {
	return t.Data, t.Shape
}

// absent tells whether the tensor is the zero Tensor, which no request can mean: even a scalar
// has an element.
func (t Tensor[T]) absent() bool {
	return t.Data == nil && t.Shape == nil
}

// fits tells what keeps the tensor from being sent as declared.
func (t Tensor[T]) fits(d dtype, declared []int) error {
	if count, ok := elements(t.Shape); !ok {
		return invalid("%s is no shape", dims(t.Shape))
	} else if count != len(t.Data) {
		return invalid("shape %s needs %d elements, but there are %d", dims(t.Shape), count, len(t.Data))
	}
	if declared != nil && !matches(t.Shape, declared) {
		return invalid("shape %s does not fit %s, which the signature wants", dims(t.Shape), dims(declared))
	}
	if bits := d.bits(); bits > 0 {
		return fitsBits(t.Data, d, bits)
	}
	return nil
}

// set takes what a server answered.
func (t *Tensor[T]) set(data any, shape []int) error {
	typed, ok := data.([]T)
	if !ok {
		return badAnswer("it holds %T, not %T", data, typed)
	}
	t.Data, t.Shape = typed, shape
	return nil
}

func matches(shape, declared []int) bool {
	if len(shape) != len(declared) {
		return false
	}
	for i, size := range declared {
		if size >= 0 && size != shape[i] {
			return false
		}
	}
	return true
}

// fitsBits checks integers that are narrower than their Go type: the server would wrap them.
func fitsBits(data any, d dtype, bits int) error {
	switch data := data.(type) {
	case []int8:
		for i, value := range data {
			if limit := int8(1) << (bits - 1); value < -limit || value >= limit {
				return invalid("element %d is %d, which no %s can hold", i, value, d)
			}
		}
	case []uint8:
		for i, value := range data {
			if value >= 1<<bits {
				return invalid("element %d is %d, which no %s can hold", i, value, d)
			}
		}
	}
	return nil
}

// elements counts the elements of a tensor; false if no memory can hold as many, or a dimension is
// negative.
func elements(shape []int) (int, bool) {
	count, limit := 1, math.MaxInt/16 // 16 bytes has the largest element
	empty := false
	for _, size := range shape {
		switch {
		case size < 0:
			return 0, false
		case size == 0:
			empty = true
		case count > limit/size:
			return 0, false
		default:
			count *= size
		}
	}
	if empty {
		count = 0
	}
	return count, true
}

// dims prints as [-1, 8, 8].
type dims []int

func (d dims) String() string {
	return strings.ReplaceAll(fmt.Sprint([]int(d)), " ", ", ")
}
