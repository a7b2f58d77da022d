// Package meant calls a model of which is told what its tensors stand for.
package meant

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"reflect"
	"testing"

	"models/ranks"
	"models/tfs"
)

func TestPicturesAndLabelsAreThoseOfTheLibrary(t *testing.T) {
	var want struct {
		Grey, BGR []float32
		Top       [][]string
	}
	data, err := os.ReadFile(os.Getenv("TFSCLIENT_ANSWERS"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	client, err := ranks.New(os.Getenv("TFSCLIENT_TARGET"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()

	grey, bgr := ranks.Rank3Input{}, ranks.Rank4Input{}
	for name, read := range map[string]func(*os.File) error{
		"TFSCLIENT_GREY": func(file *os.File) error { return grey.ReadX(file) },
		"TFSCLIENT_RGB":  func(file *os.File) error { return bgr.ReadX(file) },
	} {
		file, err := os.Open(os.Getenv(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := read(file); err != nil {
			t.Fatal(err)
		}
	}
	one, err := client.Rank3(ctx, grey)
	if err != nil {
		t.Fatal(err)
	}
	two, err := client.Rank4(ctx, bgr)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(one.Y.Data, want.Grey) || !reflect.DeepEqual(two.Y.Data, want.BGR) {
		t.Errorf("got %v and %v, want %v and %v", one.Y.Data, two.Y.Data, want.Grey, want.BGR)
	}

	nan := float32(math.NaN())
	scores, err := client.Rank2(ctx, ranks.Rank2Input{X: tfs.NewTensor([]float32{1, 7, 2, 5, nan, 5}, 2, 3)})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := scores.TopY(9)
	if err != nil {
		t.Fatal(err)
	}
	var labels [][]string
	for _, row := range rows {
		var names []string
		for _, class := range row {
			names = append(names, class.Label)
		}
		labels = append(labels, names)
	}
	if !reflect.DeepEqual(labels, want.Top) || rows[0][0].Score != 8 {
		t.Errorf("got %v, want %v", rows, want.Top)
	}
	if first, err := scores.TopY(1); err != nil || len(first[0]) != 1 {
		t.Errorf("got %v, %v", first, err)
	}
	for _, k := range []int{0, -1} {
		if _, err := scores.TopY(k); err == nil {
			t.Errorf("k=%d is taken", k)
		}
	}
	scores.Y.Shape = []int{3, 2}
	if _, err := scores.TopY(1); err == nil {
		t.Error("3 labels for 2 classes are taken")
	}
}

func TestGreyPicturesHaveTheirChannelFirst(t *testing.T) {
	file, err := os.Open(os.Getenv("TFSCLIENT_RGB"))
	if err != nil {
		t.Fatal(err)
	}
	grey, err := tfs.ReadPictures[float32](tfs.Picture{Shape: []int{2, 3, 1}, ChannelsFirst: true}, file)
	if err != nil || !reflect.DeepEqual(grey.Shape, []int{1, 1, 2, 3}) {
		t.Error(grey.Shape, err)
	}
}
