package client

import "strconv"

// dtype is a tensor's element type, by its number in tensorflow.DataType.
type dtype int32

const (
	dtFloat32           dtype = 1
	dtFloat64           dtype = 2
	dtInt32             dtype = 3
	dtUint8             dtype = 4
	dtInt16             dtype = 5
	dtInt8              dtype = 6
	dtString            dtype = 7
	dtComplex64         dtype = 8
	dtInt64             dtype = 9
	dtBool              dtype = 10
	dtQint8             dtype = 11
	dtQuint8            dtype = 12
	dtQint32            dtype = 13
	dtBfloat16          dtype = 14
	dtQint16            dtype = 15
	dtQuint16           dtype = 16
	dtUint16            dtype = 17
	dtComplex128        dtype = 18
	dtFloat16           dtype = 19
	dtUint32            dtype = 22
	dtUint64            dtype = 23
	dtFloat8E5M2        dtype = 24
	dtFloat8E4M3FN      dtype = 25
	dtFloat8E4M3FNUZ    dtype = 26
	dtFloat8E4M3B11FNUZ dtype = 27
	dtFloat8E5M2FNUZ    dtype = 28
	dtInt4              dtype = 29
	dtUint4             dtype = 30
	dtInt2              dtype = 31
	dtUint2             dtype = 32
)

var dtypeNames = map[dtype]string{
	dtFloat32: "float32", dtFloat64: "float64", dtFloat16: "float16", dtBfloat16: "bfloat16",
	dtInt8: "int8", dtInt16: "int16", dtInt32: "int32", dtInt64: "int64",
	dtUint8: "uint8", dtUint16: "uint16", dtUint32: "uint32", dtUint64: "uint64",
	dtBool: "bool", dtString: "string", dtComplex64: "complex64", dtComplex128: "complex128",
	dtQint8: "qint8", dtQint16: "qint16", dtQint32: "qint32", dtQuint8: "quint8", dtQuint16: "quint16",
	dtInt4: "int4", dtUint4: "uint4", dtInt2: "int2", dtUint2: "uint2",
	dtFloat8E5M2: "float8_e5m2", dtFloat8E4M3FN: "float8_e4m3fn",
	dtFloat8E4M3FNUZ: "float8_e4m3fnuz", dtFloat8E4M3B11FNUZ: "float8_e4m3b11fnuz",
	dtFloat8E5M2FNUZ: "float8_e5m2fnuz",
}

// String gives TensorFlow's name for the type.
func (d dtype) String() string {
	if name, ok := dtypeNames[d]; ok {
		return name
	}
	return "dtype " + strconv.Itoa(int(d))
}

// overREST tells whether TensorFlow Serving has a JSON form for the type.
func (d dtype) overREST() bool {
	switch d {
	case dtFloat32, dtFloat64, dtInt8, dtInt16, dtInt32, dtInt64, dtUint8, dtUint32, dtUint64, dtBool, dtString:
		return true
	}
	return false
}

// bits is the width of integers that are narrower than the Go type that holds them; 0 for all
// other types.
func (d dtype) bits() int {
	switch d {
	case dtInt4, dtUint4:
		return 4
	case dtInt2, dtUint2:
		return 2
	}
	return 0
}
