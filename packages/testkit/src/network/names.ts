/** The parts of a distinguished name in the order of a certificate: most general first. */
export type NameParts = readonly { readonly id: string; readonly value: string }[]

const attributes: ReadonlyMap<string, string> = new Map([
  ['CN', '2.5.4.3'],
  ['C', '2.5.4.6'],
  ['L', '2.5.4.7'],
  ['ST', '2.5.4.8'],
  ['STREET', '2.5.4.9'],
  ['O', '2.5.4.10'],
  ['OU', '2.5.4.11'],
  ['UID', '0.9.2342.19200300.100.1.1'],
  ['DC', '0.9.2342.19200300.100.1.25'],
])

const part = /^\s*([A-Za-z]+)\s*=\s*((?:\\[0-9A-Fa-f]{2}|\\.|[^\\,])*?)\s*(?:,|$)/

/** Parses `CN=alice,OU=test,O=shop` (RFC 2253, most specific first). Throws TypeError. */
export function parseName(name: string): NameParts {
  const parts: { id: string; value: string }[] = []
  for (let rest = name; rest !== ''; ) {
    const match = part.exec(rest)
    const [all = '', type = '', value = ''] = match ?? []
    const id = attributes.get(type.toUpperCase())
    if (match === null || id === undefined || value === '')
      throw new TypeError(`Invalid certificate name '${name}'. Use the form CN=alice,OU=test.`)
    parts.unshift({ id, value: value.replaceAll(/\\([0-9A-Fa-f]{2}|.)/g, (_, escaped: string) => unescaped(escaped)) })
    rest = rest.slice(all.length)
  }
  if (parts.length === 0) throw new TypeError('A certificate requires a name like CN=alice')
  return parts
}

function unescaped(escaped: string): string {
  return escaped.length === 2 ? String.fromCharCode(Number.parseInt(escaped, 16)) : escaped
}

/** Converts Node's form of a name (one attribute per line, most general first) to Java's, which Kafka uses as the principal. */
export function principalNameOf(subject: string): string {
  const lines = subject.split('\n').filter((line) => line !== '')
  return lines.reverse().map(javaAttribute).join(',').replaceAll(' + ', '+')
}

/** Java has no short name for an e-mail address: it writes the OID and the encoded value. */
function javaAttribute(line: string): string {
  const [, address] = /^emailAddress=(.*)$/.exec(line) ?? []
  if (address === undefined) return line
  const bytes = Buffer.from(address, 'latin1')
  return `1.2.840.113549.1.9.1=#16${Buffer.from([bytes.length]).toString('hex')}${bytes.toString('hex')}`
}
