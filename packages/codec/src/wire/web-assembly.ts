// What of WebAssembly is used here. @types/node for Node 20 has no declarations of it.

interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer
  /** Adds pages of 64 KiB. */
  grow(pages: number): number
}

/** Node can be started without it (--jitless). */
export function hasWebAssembly(): boolean {
  return api() !== undefined
}

/** What a small module exports. It is made at once, on this thread. The exports are what the caller says they are. */
export function instantiate<T>(base64: string): T {
  const wasm = api()
  if (wasm === undefined) throw new Error('WebAssembly is not available')
  return new wasm.Instance(new wasm.Module(Buffer.from(base64, 'base64'))).exports as T
}

function api(): WebAssemblyApi | undefined {
  return (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly
}
