package main

import (
	"fmt"
	"image/color"
	"math"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"example.org/compare/load"
)

// colours are told apart by everybody, in the order of system.All.
var colours = []color.RGBA{
	{0x00, 0x72, 0xB2, 0xFF}, {0xD5, 0x5E, 0x00, 0xFF}, {0x00, 0x9E, 0x73, 0xFF},
	{0xCC, 0x79, 0xA7, 0xFF}, {0x56, 0xB4, 0xE9, 0xFF}, {0x99, 0x99, 0x99, 0xFF},
}

// The image has a row for each layout, and in it the rates and the p99 of writes.
const (
	tileWidth  = 11 * vg.Centimeter
	tileHeight = 8 * vg.Centimeter
)

// drawImage draws closed loops of writes into an SVG file.
func drawImage(contestants []*contestant, path string) error {
	var rows [][]*plot.Plot
	for _, layout := range []string{oneProcess, apart} {
		var here []*contestant
		for _, c := range contestants {
			if c.Layout == layout && len(c.Laps) > 0 {
				here = append(here, c)
			}
		}
		if len(here) == 0 {
			continue
		}
		rates, err := chart(here, titles[layout], "writes a second",
			func(s sample) float64 { return median(s.rates) })
		if err != nil {
			return err
		}
		rates.Legend.Top, rates.Legend.Left = true, true
		waits, err := chart(here, "", "p99 in ms", func(s sample) float64 { return median(s.p99s) })
		if err != nil {
			return err
		}
		waits.Legend = plot.NewLegend()
		rows = append(rows, []*plot.Plot{rates, waits})
	}
	if len(rows) == 0 {
		return nil
	}
	canvas := vgsvg.New(2*tileWidth, vg.Length(len(rows))*tileHeight)
	tiles := draw.Tiles{Rows: len(rows), Cols: 2, PadX: 4 * vg.Millimeter, PadY: 4 * vg.Millimeter}
	for i, row := range plot.Align(rows, tiles, draw.New(canvas)) {
		for j, tile := range row {
			rows[i][j].Draw(tile)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}

// chart draws one figure of each contestant over the number of clients; both axes are logarithmic.
func chart(here []*contestant, title, unit string, figure func(sample) float64) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, "clients", unit
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.Y.Tick.Marker = plot.LogTicks{Prec: -1}
	var ticks []plot.Tick
	for n, c := range here {
		var points plotter.XYs
		for _, w := range load.Workloads() {
			if w.Window > 1 || w.Read {
				continue
			}
			if n == 0 {
				ticks = append(ticks, plot.Tick{Value: float64(w.Clients), Label: fmt.Sprint(w.Clients)})
			}
			if v := figure(c.sample(w.Name)); v > 0 && !math.IsInf(v, 0) {
				points = append(points, plotter.XY{X: float64(w.Clients), Y: v})
			}
		}
		if len(points) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = colours[n%len(colours)], vg.Points(1.5)
		dots.Color, dots.Shape = line.Color, draw.CircleGlyph{}
		p.Add(line, dots)
		p.Legend.Add(c.Name, line, dots)
	}
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	return p, nil
}
