import { RequestHeader } from '../data/request-header.ts'
import { ResponseHeader } from '../data/response-header.ts'
import type { Api } from '../schema/api.ts'
import { includes } from '../schema/versions.ts'

const apiVersionsKey = 18

/** The versions of the headers that precede a request and its response. */
export function headerVersions(
  api: Pick<Api, 'key' | 'flexible'>,
  version: number,
): { readonly request: number; readonly response: number } {
  const flexible = includes(api.flexible, version)
  return {
    request: flexible ? RequestHeader.versions.max : RequestHeader.versions.min,
    // A broker that does not support the requested version responds in version 0, so this header is never flexible
    // (KIP-511).
    response: flexible && api.key !== apiVersionsKey ? ResponseHeader.versions.max : ResponseHeader.versions.min,
  }
}
