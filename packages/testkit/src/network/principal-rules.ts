/** Maps a certificate's name to a principal name; undefined: no rule applies. */
export type NameMapping = (name: string) => string | undefined

const ruleText = /\s*(?:(DEFAULT)|RULE:((?:\\.|[^\\/])*)\/((?:\\.|[^\\/])*)\/([LU]?))\s*(?:,|$)/y

/** Parses ssl.principal.mapping.rules (KIP-371), e.g. `RULE:^CN=(.*?),.*$/$1/L,DEFAULT`. Throws TypeError. */
export function nameMapping(rules: string): NameMapping {
  const found: NameMapping[] = []
  for (let at = 0; at < rules.length; ) {
    ruleText.lastIndex = at
    const match = ruleText.exec(rules)
    if (match === null)
      throw new TypeError(`Config 'ssl.principal.mapping.rules': Invalid rule:  \`${rules.slice(at)}\``)
    const [all, isDefault, pattern = '', replacement = '', letters] = match
    found.push(isDefault === undefined ? ruleOf(pattern, replacement, letters) : (name) => name)
    at += all.length
  }
  return (name) => {
    for (const rule of found) {
      const mapped = rule(name)
      if (mapped !== undefined) return mapped
    }
    return undefined
  }
}

function ruleOf(pattern: string, replacement: string, letters: string | undefined): NameMapping {
  const whole = new RegExp(`^(?:${pattern})$`)
  return (name) => {
    const groups = whole.exec(name)
    if (groups === null) return undefined
    const made = replacement.replaceAll(/\$(\d)/g, (_, index: string) => groups[Number(index)] ?? '')
    if (letters === 'L') return made.toLowerCase()
    return letters === 'U' ? made.toUpperCase() : made
  }
}
