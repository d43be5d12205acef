/**
 * Kafka's coordinator matches topics with RE2/J. JavaScript's regular expressions have more features (lookaround,
 * backreferences) and differ in syntax: this rejects what RE2 rejects, with its messages, and translates the differences.
 */
export function re2Problem(pattern: string): string | undefined {
  return new Reader(pattern).problem()
}

/** A regular expression that matches whole names; undefined when RE2 rejects the pattern. */
export function compileRe2(pattern: string): RegExp | undefined {
  const reader = new Reader(pattern)
  if (reader.problem() !== undefined) return undefined
  try {
    return new RegExp(`^(?:${reader.translated})$`, `u${reader.flags}`)
  } catch {
    return undefined
  }
}

const classNames = 'alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit'
const posix: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
}

/** RE2's limit of a repeat count. */
const MAX_REPEAT = 1000

class Reader {
  readonly #pattern: string
  translated = ''
  flags = ''
  #at = 0
  #depth = 0
  /** The start of the last repeatable atom; -1 without one. */
  #atom = -1
  /** The start of the last repetition operator; -1 when something follows it. */
  #repeat = -1
  #problem: string | undefined

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  problem(): string | undefined {
    while (this.#at < this.#pattern.length && this.#problem === undefined) this.#step()
    if (this.#problem === undefined && this.#depth > 0) this.#fail('missing closing )')
    return this.#problem
  }

  #fail(what: string): void {
    this.#problem = what
  }

  #step() {
    const start = this.#at
    const char = this.#pattern[start] ?? ''
    switch (char) {
      case '(':
        return this.#group()
      case ')':
        if (this.#depth === 0) return this.#fail('regexp/syntax: internal error')
        this.#depth--
        return this.#take(')', 1)
      case '|':
        this.#take('|', 1)
        this.#atom = -1
        return
      case '*':
      case '+':
      case '?':
        return this.#repetition(char, 1)
      case '{':
        return this.#braces()
      case '[':
        return this.#class()
      case '\\':
        return this.#escape()
      case ']':
      case '}':
        return this.#take(`\\${char}`, 1)
      default: {
        const text = String.fromCodePoint(this.#pattern.codePointAt(start) ?? 0)
        this.#take(text === '/' ? '\\/' : text, text.length)
      }
    }
  }

  #take(translated: string, length: number): void {
    this.#atom = this.#at
    this.#repeat = -1
    this.translated += translated
    this.#at += length
  }

  #group(): void {
    const rest = this.#pattern.slice(this.#at)
    const named = /^\(\?P?<([A-Za-z0-9_]+)>/.exec(rest)
    const flags = /^\(\?([imsU]*)(?:-[imsU]+)?([:)])/.exec(rest)
    let opened = '('
    let length = 1
    if (named) {
      opened = `(?<${named[1]}>`
      length = named[0].length
    } else if (flags) {
      length = flags[0].length
      // Flags of a group apply to the whole pattern here. Topic names have no line breaks, so only `i` matters.
      if (flags[1]?.includes('i') && !this.flags.includes('i')) this.flags += 'i'
      opened = flags[2] === ':' ? '(?:' : ''
    } else if (rest.startsWith('(?')) {
      this.#fail(/^\(\?P?<[^=!]/.test(rest) ? 'invalid named capture' : 'invalid or unsupported Perl syntax')
      return
    }
    if (opened !== '') this.#depth++
    this.translated += opened
    this.#at += length
    this.#atom = -1
    this.#repeat = -1
  }

  #repetition(operator: string, length: number) {
    const start = this.#at
    const isLazy = this.#pattern[start + length] === '?'
    const whole = length + (isLazy ? 1 : 0)
    if (this.#atom < 0) return this.#fail('missing argument to repetition operator')
    if (this.#repeat >= 0) {
      return this.#fail('invalid nested repetition operator')
    }
    this.translated += operator + (isLazy ? '?' : '')
    this.#repeat = start
    this.#at += whole
  }

  #braces() {
    const found = /^\{(\d+)(?:(,)(\d*))?\}/.exec(this.#pattern.slice(this.#at))
    if (!found) return this.#take('\\{', 1)
    const [whole, from, comma, to] = found
    const least = Number(from)
    const most = comma === undefined ? least : to === '' ? least : Number(to)
    if (least > MAX_REPEAT || most > MAX_REPEAT || least > most) return this.#fail('invalid repeat count')
    this.#repetition(whole, whole.length)
  }

  #class() {
    const rest = this.#pattern.slice(this.#at)
    const read = /^\[(\^?)(\]?(?:\[:\^?[a-z]+:\]|\\[\s\S]|[^\]\\])*)\]/.exec(rest)
    if (!read) return this.#fail('missing closing ]')
    const [whole, negated, inside = ''] = read
    if (hasBadRange(inside)) return this.#fail('invalid character class range')
    const body = inside
      .replace(new RegExp(`\\[:(\\^?)(${classNames}):\\]`, 'g'), (_, __, name: string) => posix[name] ?? '')
      .replace(/^\]/, '\\]')
      .replace(/(?<!\\)\[/g, '\\[')
      .replace(/\\([-a-zA-Z0-9^\]\\[])|\\(.)/g, (all, kept?: string, other?: string) =>
        kept !== undefined ? all : /[/.*+?(){}|$]/.test(other ?? '') ? all : (other ?? ''),
      )
    this.#take(`[${negated}${body}]`, whole.length)
  }

  #escape() {
    const rest = this.#pattern.slice(this.#at)
    if (rest.length === 1) return this.#fail('trailing backslash at end of expression')
    const quoted = /^\\Q([\s\S]*?)(?:\\E|$)/.exec(rest)
    if (quoted) return this.#take((quoted[1] ?? '').replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), quoted[0].length)
    const property = /^\\([pP])(?:\{(\^?)(\w+)\}|(\w))/.exec(rest)
    if (property) {
      const name = propertyOf(property[3] ?? property[4] ?? '')
      const isNegated = (property[1] === 'P') !== (property[2] === '^')
      if (name === undefined) return this.#fail('invalid character class range')
      return this.#take(`\\${isNegated ? 'P' : 'p'}{${name}}`, property[0].length)
    }
    const hex = /^\\x(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2}))/.exec(rest)
    if (hex) return this.#take(`\\u{${hex[1] ?? hex[2]}}`, hex[0].length)
    const char = rest[1] ?? ''
    const anchors: Readonly<Record<string, string>> = { A: '^', z: '$' }
    const anchor = anchors[char]
    if (anchor !== undefined) return this.#take(anchor, 2)
    if (char === 'a') return this.#take('\\x07', 2)
    if (/[bBdDsSwWfnrtv]/.test(char)) return this.#take(`\\${char}`, 2)
    if (char === '0') return this.#take('\\x00', 2)
    if (/[A-Za-z1-9]/.test(char)) return this.#fail('invalid escape sequence')
    this.#take(/[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char, 2)
  }
}

function hasBadRange(inside: string): boolean {
  for (const [, from = '', to = ''] of inside.matchAll(/([^\\\]-])-([^\\\]])/g)) {
    if ((from.codePointAt(0) ?? 0) > (to.codePointAt(0) ?? 0)) return true
  }
  return false
}

/** JavaScript's name of a Unicode property: RE2 uses one form for categories and scripts. */
function propertyOf(name: string): string | undefined {
  return [name, `Script=${name}`].find((each) => {
    try {
      return new RegExp(`\\p{${each}}`, 'u') !== undefined
    } catch {
      return false
    }
  })
}
