import type { Authority, Identity } from './certificates.ts'

export interface TlsOptions {
  /** The brokers' certificate with what leads to its authority, in PEM. */
  readonly cert: string
  readonly key: string
  /** Whose certificates of clients are taken, and what `cluster.ca` says. */
  readonly ca?: string
}

/** What the listeners with TLS need: given, or made for this cluster by an authority of its own. */
export class TlsMaterial {
  readonly #given: TlsOptions | undefined
  readonly #hosts: readonly string[]
  #made: Promise<{ readonly authority: Authority; readonly identity: Identity }> | undefined
  #ca: string | undefined

  constructor(options: true | TlsOptions, hosts: readonly string[]) {
    this.#given = options === true ? undefined : options
    this.#hosts = [...new Set(['localhost', '127.0.0.1', '::1', ...hosts])]
    this.#ca = this.#given?.ca
  }

  /** What clients have to trust; undefined when it was not given, or is not made yet. */
  get ca(): string | undefined {
    return this.#ca
  }

  async identity(): Promise<Identity & { readonly ca: string | undefined }> {
    if (this.#given !== undefined) return { ca: undefined, ...this.#given }
    const { authority, identity } = await this.#make()
    return { ...identity, ca: authority.ca }
  }

  /** Rejects with a TypeError for a name that cannot be read, or when the certificates were given. */
  async issueForClient(name: string): Promise<Identity> {
    if (this.#given !== undefined)
      throw new TypeError('the certificates were given: make those of clients where they come from')
    const { authority } = await this.#make()
    return authority.issueForClient(name)
  }

  #make() {
    this.#made ??= (async () => {
      const { createAuthority } = await import('./certificates.ts')
      const authority = await createAuthority()
      const identity = await authority.issueForHosts(this.#hosts)
      this.#ca = authority.ca
      return { authority, identity }
    })()
    return this.#made
  }
}
