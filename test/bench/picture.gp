# Bars: what this extension takes, as a multiple of the floor.  Takes `ratios`,
# lines of "work" and ratio, and `picture`, the file to draw.
set terminal pngcairo size 1000, 700 font "sans,11"
set output picture
set title "wall time as a multiple of libcurl + jansson without a database"
set style fill solid 0.7 border -1
set boxwidth 0.6
set grid xtics
set xrange [0:*]
set arrow from first 1, graph 0 to first 1, graph 1 nohead dashtype 2 front
unset key
plot ratios using ($2 / 2):0:($2 / 2):(0.3):yticlabels(1) with boxxyerror
