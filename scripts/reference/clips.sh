#!/usr/bin/env bash
# Writes Tests/Golden/clips: clips of a few kilobytes and sounds in formats that FFmpeg's libraries read; needs ffmpeg.
#
#   scripts/reference/clips.sh
#
# A clip is six plain colours, a third of a second each, with a tone of 500 Hz.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/../.."

out=Tests/Golden/clips
rm -rf "$out"
mkdir -p "$out"
make() { ffmpeg -hide_banner -loglevel error -nostdin -y "$@" -map_metadata -1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact; }

colours=(red lime blue yellow white black)
inputs=()
graph=""
for number in "${!colours[@]}"; do
  inputs+=(-f lavfi -i "color=c=${colours[$number]}:s=64x48:r=12:d=0.3333333")
  graph+="[$number:v]"
done
graph+="concat=n=6:v=1:a=0,trim=end_frame=24[v]"
tone=(-f lavfi -i "sine=frequency=500:sample_rate=16000:duration=2")

make "${inputs[@]}" "${tone[@]}" -filter_complex "$graph" -map "[v]" -map 6:a -c:v libx264 -preset veryslow -pix_fmt yuv420p -g 12 \
  -x264-params threads=1:info=0 -c:a aac -b:a 24k "$out/colours.mp4"
make "${inputs[@]}" "${tone[@]}" -filter_complex "$graph" -map "[v]" -map 6:a -c:v libvpx-vp9 -b:v 20k -threads 1 -c:a libopus -b:a 16k \
  "$out/colours.webm"
make "${inputs[@]}" -filter_complex "$graph" -map "[v]" -c:v mpeg4 -qscale:v 5 -an "$out/silent.avi"
# As a phone held upright writes it: pictures that lie on their side (red above blue), and a note to turn them (red on the left
# of blue, as ffmpeg shows it).
halves=(-f lavfi -i "color=c=red:s=64x24:r=12:d=0.5" -f lavfi -i "color=c=blue:s=64x24:r=12:d=0.5")
make "${halves[@]}" -filter_complex "vstack" -c:v libx264 -preset veryslow -pix_fmt yuv420p -x264-params threads=1:info=0 "$out/lying.mp4"
make -i "$out/lying.mp4" -c copy -metadata:s:v:0 rotate=90 "$out/turned.mp4"
make "${tone[@]}" -c:a aac -b:a 32k "$out/tone.m4a"
make "${tone[@]}" -c:a wmav2 -b:a 32k "$out/tone.wma"
make "${tone[@]}" -c:a aac -b:a 32k -f adts "$out/tone.aac"
make "${tone[@]}" -c:a aac -b:a 32k -vn -f mp4 "$out/sound-only.mp4"
# Half of the sound in the left channel alone: channels become their mean.
make "${tone[@]}" -af "pan=stereo|c0=c0|c1=0*c0" -c:a alac "$out/left.m4a"
# A list that names another file.
printf '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\ncolours.mp4\n#EXT-X-ENDLIST\n' >"$out/list.mp4"
du -b "$out"/*
