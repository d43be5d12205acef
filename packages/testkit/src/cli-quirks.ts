import type { QuirkOptions } from './cluster/quirk-options.ts'

/**
 * The quirks of `--quirk versions=Metadata:5 --quirk versions=InitProducerId:none --quirk innerAddresses`: the names and values of
 * option `quirks`, which checks them.
 */
export function quirksOf(texts: readonly string[]): QuirkOptions {
  const quirks: Record<string, unknown> = {}
  for (const text of texts) {
    const [name = '', value = ''] = text.split(/=(.*)/s, 2)
    if (name === 'versions' || name === 'resetsAbove') {
      const [api = '', version = ''] = value.split(':', 2)
      quirks[name] = {
        ...(quirks[name] as object | undefined),
        [api]: version === 'none' ? null : numberOf(text, version),
      }
    } else if (name === 'forgetsIdleMs') quirks[name] = numberOf(text, value)
    else quirks[name] = value === '' ? true : value
  }
  return quirks
}

function numberOf(text: string, value: string): number {
  if (/^\d+$/.test(value)) return Number(value)
  throw new TypeError(`--quirk ${text}: '${value}' is not a number`)
}
