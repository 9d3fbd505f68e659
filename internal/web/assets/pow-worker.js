// Finds a counter so that SHA-256 over "NONCE:COUNTER" begins with as many zero bits as
// were asked for. The digest is computed here (FIPS 180-4), since crypto.subtle is missing
// where a page is not reached by HTTPS, and slower for a million short texts.

const primes = [];
for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
const fraction = (x) => ((x - Math.floor(x)) * 0x100000000) | 0;
const start = primes.slice(0, 8).map((p) => fraction(Math.sqrt(p)));
const round = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)));
const w = new Int32Array(64);

// first returns the first 32 bits of the digest of a text of at most 55 octets, which are
// in block already, padded.
function first(block) {
  for (let i = 0; i < 16; i++) w[i] = (block[4 * i] << 24) | (block[4 * i + 1] << 16) | (block[4 * i + 2] << 8) | block[4 * i + 3];
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15], y = w[i - 2];
    const s = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const t = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16] + s + w[i - 7] + t) | 0;
  }
  let [a, b, c, d, e, f, g, h] = start;
  for (let i = 0; i < 64; i++) {
    const s = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t = (h + s + ((e & f) ^ (~e & g)) + round[i] + w[i]) | 0;
    const u = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const v = (u + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t) | 0;
    d = c; c = b; b = a; a = (t + v) | 0;
  }
  return (a + start[0]) >>> 0;
}

function find(nonce, bits) {
  const head = new TextEncoder().encode(nonce + ":");
  const block = new Uint8Array(64);
  for (let counter = 0; ; counter++) {
    const digits = String(counter);
    const length = head.length + digits.length;
    block.fill(0);
    block.set(head);
    for (let i = 0; i < digits.length; i++) block[head.length + i] = digits.charCodeAt(i);
    block[length] = 0x80;
    block[62] = length >> 5; // bits, in the last octets
    block[63] = length << 3;
    if (first(block) < 2 ** (32 - bits)) return digits;
  }
}

addEventListener("message", (event) => postMessage(find(event.data.nonce, event.data.bits)));
