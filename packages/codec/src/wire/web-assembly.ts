// The part of WebAssembly that is used. @types/node for Node 20 does not declare it.

interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
  instantiate(bytes: Uint8Array, imports: WasmImports): Promise<{ readonly instance: { readonly exports: unknown } }>
}

/** The functions that a module imports, by module and name. */
export type WasmImports = Readonly<Record<string, Readonly<Record<string, (...args: number[]) => number | undefined>>>>

export interface WasmMemory {
  readonly buffer: ArrayBuffer
  /** Adds pages of 64 KiB. */
  grow(pages: number): number
}

/** Node may run without it (--jitless). */
export function hasWebAssembly(): boolean {
  return api() !== undefined
}

/** Compiles and instantiates a small module synchronously. The type of its exports is the caller's claim. */
export function instantiate<T>(base64: string): T {
  const wasm = api()
  if (wasm === undefined) throw new Error('WebAssembly is not available')
  return new wasm.Instance(new wasm.Module(Buffer.from(base64, 'base64'))).exports as T
}

/** Compiles a large module on another thread and instantiates it. The type of its exports is the caller's claim. */
export async function instantiateLarge<T>(bytes: Uint8Array, imports: WasmImports): Promise<T> {
  const wasm = api()
  if (wasm === undefined) throw new Error('WebAssembly is not available')
  return (await wasm.instantiate(bytes, imports)).instance.exports as T
}

function api(): WebAssemblyApi | undefined {
  return (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly
}
