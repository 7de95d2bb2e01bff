// What Python packed: see payload.py.

export type Numbers = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;

export interface Payload {
  words: Record<string, any>;
  arrays: Record<string, Numbers>;
}

const KINDS: Record<string, any> = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u4: Uint32Array, u1: Uint8Array };

export async function unpacked(text: string): Promise<Payload> {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this page needs a browser of 2023 or later");
  }
  const packed = atob(text.trim());
  const bytes = new Uint8Array(packed.length);
  for (let k = 0; k < packed.length; k++) bytes[k] = packed.charCodeAt(k);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const whole = await new Response(stream).arrayBuffer();
  const length = new DataView(whole).getUint32(0, true);
  const words = JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, length)));
  const arrays: Record<string, Numbers> = {};
  for (const [name, [kind, start, count]] of Object.entries<[string, number, number]>(words.arrays)) {
    arrays[name] = new KINDS[kind](whole, 4 + length + start, count);
  }
  return { words, arrays };
}
