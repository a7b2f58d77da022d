// Reads a batch of images as JSON and prints the digit that the first one shows.
import { readFileSync } from "node:fs";
import { DigitsClient } from "./digits.js";

const client = new DigitsClient(process.argv[2]);
const images = JSON.parse(readFileSync(0, "utf8"));
const { digit } = await client.servingDefault({ images });
console.log(String(digit.data[0]));
