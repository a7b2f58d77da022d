package client

import "math"

// Float16 is an IEEE 754 half-precision number, by its bits.
type Float16 uint16

// BFloat16 is the upper half of a float32, by its bits.
type BFloat16 uint16

// ToFloat16 rounds to the nearest Float16, ties to even. A number too large becomes infinite.
func ToFloat16(f float32) Float16 {
	const smallestNormal = 1.0 / (1 << 14)
	bits := math.Float32bits(f)
	sign := Float16(bits >> 16 & 0x8000)
	magnitude := bits & 0x7fffffff
	switch {
	case magnitude > 0x7f800000: // NaN: keep the upper bits of its payload, but never none
		return sign | 0x7e00 | Float16(magnitude>>13&0x1ff)
	case magnitude >= 0x47800000: // 2^16 and more
		return sign | 0x7c00
	case math.Float32frombits(magnitude) < smallestNormal:
		// The sum has the subnormal's bits at its end, rounded by the addition.
		const shift = 0.5
		return sign | Float16(math.Float32bits(math.Float32frombits(magnitude)+shift)-math.Float32bits(shift))
	}
	// Rebias the exponent; round half to even by what is cut off. A carry into the exponent is right.
	magnitude -= (127 - 15) << 23
	magnitude += 0xfff + magnitude>>13&1
	return sign | Float16(magnitude>>13)
}

// Float32 gives the number; every Float16 is a float32.
func (h Float16) Float32() float32 {
	sign := uint32(h&0x8000) << 16
	exponent := uint32(h >> 10 & 0x1f)
	fraction := uint32(h & 0x3ff)
	switch exponent {
	case 0:
		const unit = 1.0 / (1 << 24) // of the subnormals
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*unit))
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// ToBFloat16 rounds to the nearest BFloat16, ties to even. A number too large becomes infinite.
func ToBFloat16(f float32) BFloat16 {
	bits := math.Float32bits(f)
	if bits&0x7fffffff > 0x7f800000 { // NaN: rounding could carry it to infinity
		return BFloat16(bits>>16) | 0x40
	}
	bits += 0x7fff + bits>>16&1
	return BFloat16(bits >> 16)
}

// Float32 gives the number; every BFloat16 is a float32.
func (b BFloat16) Float32() float32 {
	return math.Float32frombits(uint32(b) << 16)
}
