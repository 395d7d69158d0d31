// Checks a log with nothing of the provider's: golang.org/x/mod/sumdb/tlog and note.
//
// usage: check VKEY FOLDER; FOLDER holds checkpoint, tile/…, proofs (lines: index, leaf's entry in base64, hashes …),
// consistency (lines: old size, old root, hashes …). Prints "whole SIZE", or says what is wrong and ends with 1.
package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type folder struct{ path string }

func (f folder) Height() int                     { return 8 }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range tiles {
		// C2SP tlog-tiles leaves the height out of Go's path.
		data, err := os.ReadFile(filepath.Join(f.path, strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		read = append(read, data)
	}
	return read, nil
}

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func hash(text string) tlog.Hash {
	raw, err := base64.StdEncoding.DecodeString(text)
	must(err)
	var h tlog.Hash
	if len(raw) != len(h) {
		must(fmt.Errorf("a hash has 32 bytes"))
	}
	copy(h[:], raw)
	return h
}

func lines(path string) [][]string {
	file, err := os.Open(path)
	must(err)
	var found [][]string
	for scan := bufio.NewScanner(file); scan.Scan(); {
		found = append(found, strings.Fields(scan.Text()))
	}
	return found
}

func main() {
	verifier, err := note.NewVerifier(os.Args[1])
	must(err)
	dir := os.Args[2]
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	must(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	must(err)
	text := strings.Split(opened.Text, "\n")
	if text[0] != verifier.Name() || len(opened.Sigs) != 1 || len(opened.UnverifiedSigs) != 1 {
		must(fmt.Errorf("another log, or other signatures"))
	}
	size, err := strconv.ParseInt(text[1], 10, 64)
	must(err)
	tree := tlog.Tree{N: size, Hash: hash(text[2])}
	reader := tlog.TileHashReader(tree, folder{dir})
	root, err := tlog.TreeHash(size, reader)
	must(err)
	if root != tree.Hash {
		must(fmt.Errorf("the tiles are not the signed tree's"))
	}
	for _, line := range lines(filepath.Join(dir, "proofs")) {
		index, err := strconv.ParseInt(line[0], 10, 64)
		must(err)
		entry, err := base64.StdEncoding.DecodeString(line[1])
		must(err)
		var proof tlog.RecordProof
		for _, each := range line[2:] {
			proof = append(proof, hash(each))
		}
		must(tlog.CheckRecord(proof, size, tree.Hash, index, tlog.RecordHash(entry)))
		own, err := tlog.ProveRecord(size, index, reader)
		must(err)
		if fmt.Sprint(own) != fmt.Sprint(proof) {
			must(fmt.Errorf("another inclusion proof"))
		}
	}
	for _, line := range lines(filepath.Join(dir, "consistency")) {
		old, err := strconv.ParseInt(line[0], 10, 64)
		must(err)
		var proof tlog.TreeProof
		for _, each := range line[2:] {
			proof = append(proof, hash(each))
		}
		must(tlog.CheckTree(proof, size, tree.Hash, old, hash(line[1])))
	}
	fmt.Println("whole", size)
}
