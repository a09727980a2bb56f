"""How well detectors find faces, and how steady their points are under a mask.

| file | what |
|---|---|
| truth, boxes_file | the faces that are to be found: a teacher's, or those of a file |
| matching | boxes against the truth: found, missed, extra |
| journal | what was seen, a line each, so that a run goes on where it was broken off |
| looking | photos -> what each detector finds in them, and how long it takes |
| figures | recall, precision and times, by height and by wear |
| steadiness, steady_figures | the five points, bare and under drawn masks |
| tiles, shots | pieces of photos with boxes and points, and sheets of them |
| tables, page, files | figures as tables and a plot, the page, and how files are written |
| write, steady_write | the folder with all of it, of faces and of points |
"""
