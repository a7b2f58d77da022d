package tfs

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func encoded(t *testing.T, picture image.Image) io.Reader {
	t.Helper()
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		t.Fatal(err)
	}
	return &file
}

// picture is 2 pixels wide and 1 high.
func picture() *image.NRGBA {
	p := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	p.Set(0, 0, color.NRGBA{255, 0, 0, 255})
	p.Set(1, 0, color.NRGBA{10, 20, 30, 40})
	return p
}

func TestPixels(t *testing.T) {
	for _, c := range []struct {
		shape []int
		want  Tensor[float32]
	}{
		{[]int{1, 2, 3}, NewTensor([]float32{255, 0, 0, 10, 20, 30}, 1, 1, 2, 3)},
		{[]int{-1, -1, 4}, NewTensor([]float32{255, 0, 0, 255, 10, 20, 30, 40}, 1, 1, 2, 4)},
		{[]int{1, 2, 1}, NewTensor([]float32{76, 18}, 1, 1, 2, 1)},
		{[]int{-1, 2}, NewTensor([]float32{76, 18}, 1, 1, 2)},
	} {
		got, err := DecodeImages[float32](c.shape, encoded(t, picture()))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %v %v", c.shape, got, err)
		}
	}
	two, err := DecodeImages[uint8]([]int{-1, -1, 3}, encoded(t, picture()), encoded(t, picture()))
	if err != nil || !reflect.DeepEqual(two.Shape, []int{2, 1, 2, 3}) || two.Row(1)[0] != 255 {
		t.Error(two, err)
	}
}

func TestImagesThatDoNotFitAreRefused(t *testing.T) {
	small := image.NewGray(image.Rect(0, 0, 1, 1))
	for want, err := range map[string]error{
		"image 0 is 1 pixels high and 2 wide, not 28 and 28": decodeError([]int{28, 28, 1}, encoded(t, picture())),
		"image 1 is 1 pixels high and 1 wide, not 1 and 2":   decodeError([]int{-1, -1, 1}, encoded(t, picture()), encoded(t, small)),
		"image 0: image: unknown format":                     decodeError([]int{1, 1}, strings.NewReader("GIF89a")),
		"image 0: ":                                          decodeError([]int{1, 1}, iotest.ErrReader(io.ErrNoProgress)),
		"is not a shape of images":                           decodeError([]int{1, 1, 2}, encoded(t, small)),
	} {
		if !errors.Is(err, ErrNotSent) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := ReadImages(iotest.ErrReader(io.ErrNoProgress)); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}

func decodeError(shape []int, files ...io.Reader) error {
	_, err := DecodeImages[uint8](shape, files...)
	return err
}
