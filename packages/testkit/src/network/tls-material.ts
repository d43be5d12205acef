import type { Authority, Identity } from './certificates.ts'

export interface TlsOptions {
  /** The brokers' certificate chain, in PEM. */
  readonly cert: string
  readonly key: string
  /** The CA for client certificates, also returned by `cluster.ca`. */
  readonly ca?: string
}

/** Certificate and key of the TLS listeners: from the options, or issued by a CA created for this cluster. */
export class TlsMaterial {
  readonly #provided: TlsOptions | undefined
  readonly #hosts: readonly string[]
  #made: Promise<{ readonly authority: Authority; readonly identity: Identity }> | undefined
  #ca: string | undefined

  constructor(options: true | TlsOptions, hosts: readonly string[]) {
    this.#provided = options === true ? undefined : options
    this.#hosts = [...new Set(['localhost', '127.0.0.1', '::1', ...hosts])]
    this.#ca = this.#provided?.ca
  }

  /** The CA certificate that clients trust; undefined when the options have none or it is not created yet. */
  get ca(): string | undefined {
    return this.#ca
  }

  async identity(): Promise<Identity & { readonly ca: string | undefined }> {
    if (this.#provided !== undefined) return { ca: undefined, ...this.#provided }
    const { authority, identity } = await this.#make()
    return { ...identity, ca: authority.ca }
  }

  /** Rejects with TypeError for an invalid name, or when the certificates are from the options. */
  async issueForClient(name: string): Promise<Identity> {
    if (this.#provided !== undefined)
      throw new TypeError("The cluster's certificates are from the options. Issue client certificates with their CA.")
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
