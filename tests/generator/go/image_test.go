package tfs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"os"
	"reflect"
	"runtime"
	"slices"
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
		"image 1 is 1 pixels high and 1 wide, unlike those before it": decodeError([]int{-1, -1, 1}, encoded(t, picture()), encoded(t, small)),
		"image 0: image: unknown format":                              decodeError([]int{1, 1}, strings.NewReader("BM")),
		"image 0: it is 65535 pixels high and 65535 wide; at most":    decodeError([]int{1, 1}, gifOf(0xffff, 1)),
		"image 0: it has 3 frames":                                    decodeError([]int{1, 1}, gifOf(1, 3)),
		"image 0: it has 2 frames":                                    decodeError([]int{1, 1}, animated(t, 2)),
		"image 0: ":                                                   decodeError([]int{1, 1}, iotest.ErrReader(io.ErrNoProgress)),
		"[1, 1, 2] is not a shape of images":                          decodeError([]int{1, 1, 2}, encoded(t, small)),
		"[0, 1] is not a shape of images":                             decodeError([]int{0, 1}, encoded(t, small)),
	} {
		if !errors.Is(err, ErrNotSent) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := FitImages[uint8](3, []int{1, 1}, encoded(t, small)); !errors.Is(err, ErrNotSent) {
		t.Error(err)
	}
	if _, err := ReadImages(iotest.ErrReader(io.ErrNoProgress)); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}

func TestAnExtremePictureTakesLittleMemory(t *testing.T) {
	high := image.NewGray(image.Rect(0, 0, 1, 100_000))
	for i := range high.Pix {
		high.Pix[i] = 7
	}
	file := encoded(t, high)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := DecodeImages[uint8]([]int{2, 1000, 1}, file)
	runtime.ReadMemStats(&after)
	if err != nil || len(got.Data) != 2000 || got.Data[0] != 7 || got.Data[1999] != 7 {
		t.Fatal(got, err)
	}
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 50<<20 {
		t.Errorf("%d bytes", taken)
	}
}

// gifOf is a GIF of square frames, in whose colours is a comma.
func gifOf(size uint16, frames int) io.Reader {
	one := image.NewPaletted(image.Rect(0, 0, 1, 1), color.Palette{color.RGBA{',', ',', ',', 255}, color.Black})
	all := &gif.GIF{Delay: make([]int, frames)}
	for range frames {
		all.Image = append(all.Image, one)
	}
	var file bytes.Buffer
	_ = gif.EncodeAll(&file, all) // a buffer takes everything
	binary.LittleEndian.PutUint16(file.Bytes()[6:], size)
	binary.LittleEndian.PutUint16(file.Bytes()[8:], size)
	return &file
}

// animated is a PNG that says it has so many frames.
func animated(t *testing.T, frames byte) io.Reader {
	const start = 8 + 12 + 13 // the signature, and what tells its size
	file, err := io.ReadAll(encoded(t, picture()))
	if err != nil {
		t.Fatal(err)
	}
	control := []byte{0, 0, 0, 8, 'a', 'c', 'T', 'L', 0, 0, 0, frames, 0, 0, 0, 0}
	control = binary.BigEndian.AppendUint32(control, crc32.ChecksumIEEE(control[4:]))
	return bytes.NewReader(slices.Concat(file[:start], control, file[start:]))
}

func TestAnAnimationOfOneFrameIsAPicture(t *testing.T) {
	if err := decodeError([]int{-1, -1}, animated(t, 1)); err != nil {
		t.Error(err)
	}
}

// TestPictures decodes pictures that others have decoded before, and prints their pixels.
func TestPictures(t *testing.T) {
	path := os.Getenv("TFSCLIENT_PICTURES")
	if path == "" {
		t.Skip("TFSCLIENT_PICTURES names no file")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		File  []byte
		Fit   Fit
		Shape []int
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		got, err := FitImages[uint8](c.Fit, c.Shape, bytes.NewReader(c.File))
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		line, err := json.Marshal(got) // of bytes, as base64
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("found %s\n", line)
	}
}

func decodeError(shape []int, files ...io.Reader) error {
	_, err := DecodeImages[uint8](shape, files...)
	return err
}

func FuzzPictures(f *testing.F) {
	for _, file := range []io.Reader{gifOf(1, 2), strings.NewReader("\xff\xd8\xff\xe1\x00\x10Exif\x00\x00II*\x00\x08\x00\x00\x00")} {
		seed, _ := io.ReadAll(file)
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, file []byte) {
		_ = orientation(file)
		if len(file) >= 13 {
			_ = gifFrames(file)
		}
	})
}
