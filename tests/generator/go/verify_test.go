package client

import (
	"testing"
)

func TestVerifyFollowsDrift(t *testing.T) {
	x := func(shape ...int) tensorSpec { return tensorSpec{name: "x", dtype: dtFloat32, shape: shape} }
	optional := tensorSpec{name: "x", dtype: dtFloat32, shape: []int{2}, hasDefault: true}
	for _, c := range []struct {
		was, is  []tensorSpec
		in, outs bool // whether that breaks inputs, outputs
	}{
		{[]tensorSpec{x(-1)}, []tensorSpec{x(2)}, true, false},
		{[]tensorSpec{x(2)}, []tensorSpec{x(-1)}, false, true},
		{[]tensorSpec{{name: "x", dtype: dtFloat32}}, []tensorSpec{x(2)}, true, false},
		{[]tensorSpec{x(2)}, []tensorSpec{{name: "x", dtype: dtFloat32}}, false, true},
		{[]tensorSpec{x(2)}, []tensorSpec{x(2, 1)}, true, true},
		{[]tensorSpec{x(2)}, nil, true, true},
		{nil, []tensorSpec{x(2)}, true, false},
		{nil, []tensorSpec{optional}, false, false},
		{[]tensorSpec{optional}, []tensorSpec{x(2)}, true, false},
		{[]tensorSpec{x(2)}, []tensorSpec{optional}, false, false},
	} {
		in := differences(&signature{name: "s", inputs: c.was}, map[string]signature{"s": {inputs: c.is}})
		outs := differences(&signature{name: "s", outputs: c.was}, map[string]signature{"s": {outputs: c.is}})
		if len(in) > 0 != c.in || len(outs) > 0 != c.outs {
			t.Errorf("%v to %v: %q, %q", c.was, c.is, in, outs)
		}
	}
}
