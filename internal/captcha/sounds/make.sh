#!/bin/bash
# Makes the recordings in LANGUAGE/VOICE/DIGIT.pcm beside it: 8 kHz, 8 bits without a sign, one channel, no header
# (aplay plays them as they are). Wants espeak-ng and sox; the same versions make the same octets. eSpeak NG's licence
# (GPL 3) is about the program, and not about what it says.
set -euo pipefail
cd "$(dirname "$0")"

# say LANGUAGE VOICE "ESPEAK OPTIONS" WORD... makes a voice's recordings, of the digits from 0 on.
say() {
	local dir=$1/$2 options=$3 digit=0 word
	shift 3
	mkdir -p "$dir"
	for word; do
		# What makes an s or a t lies above 4 kHz, where 8 kHz has nothing: it is made louder, and folded to below by
		# leaving out each second sample as it is. compand has quiet consonants come near to vowels.
		espeak-ng $options --stdout -- "$word" | sox -D -t wav - -t raw -r 8000 -c 1 -b 8 -e unsigned-integer "$dir/$digit.pcm" \
			rate 16000 norm -10 treble +15 4000 downsample 2 compand 0.002,0.05 6:-70,-70,-50,-30,-30,-20,-15,-14,0,-12 0 -90 0.01 \
			silence 1 0.01 0.8% reverse silence 1 0.01 0.8% fade 0.01 reverse fade 0.005 norm -1 gain -l 5 norm -1
		digit=$((digit + 1))
	done
}

french=(zéro un deux trois quatre cinq six sept huit neuf)
say fr 0 "-v fr -s 115 -p 40" "${french[@]}"
say fr 1 "-v fr+f2 -s 115 -p 55" "${french[@]}"
say fr 2 "-v fr+m7 -s 120 -p 25" "${french[@]}"
