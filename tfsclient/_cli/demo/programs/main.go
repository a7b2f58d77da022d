// Command use reads a batch of images as JSON and prints the digit that the first one shows.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"models/digits"
	"models/tfs"
)

func main() {
	var rows [][][]float32
	if err := json.NewDecoder(os.Stdin).Decode(&rows); err != nil {
		log.Fatal(err)
	}
	images, err := tfs.FromNested[float32](rows)
	if err != nil {
		log.Fatal(err)
	}
	client, err := digits.New(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	out, err := client.ServingDefault(context.Background(), digits.ServingDefaultInput{
		Images: images,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Digit.Data[0])
}
