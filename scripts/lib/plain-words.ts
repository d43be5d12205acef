/**
 * The words and forms that this repository does not use, each with the better one: the list behind «How we write» in
 * CONTRIBUTING.md. `scripts/wording.test.ts` refuses them in names, comments, messages, docs, test titles and patches.
 */
export interface Refused {
  /** Found anywhere in a line, in code as well as in prose. */
  readonly pattern: RegExp
  readonly better: string
  /** Paths that it holds for; without it all. */
  readonly where?: RegExp
}

/** Words of a private dialect: literal translations, personified machines, riddles. */
const words: readonly Refused[] = [
  { pattern: /answer/i, better: 'response, respond, reply, return' },
  { pattern: /chance/i, better: 'random, randomness, probability' },
  { pattern: /\bmend(s|ed|ing)?\b/i, better: 'fix, repair, heal (a network)' },
  { pattern: /tenure/i, better: 'assignment epoch' },
  { pattern: /\b(lanes?|[a-z]+Lanes?)\b/i, better: 'connection, purpose of a connection' },
  { pattern: /comeBack/, better: 'requeue' },
  { pattern: /crowded|hurried/i, better: 'under backpressure; flushing' },
  { pattern: /spoil/i, better: 'corrupt, damage' },
  { pattern: /\bdoors?\b|Door\b/, better: 'listener, entry point' },
  { pattern: /TokenOffice|\boffice\b/i, better: 'DelegationTokenManager, manager' },
  { pattern: /isPassing/, better: 'isTransient' },
  { pattern: /\btold\b/i, better: 'reported, informed, passed' },
  { pattern: /\btells? (it|them) so\b|\battempt tells\b/i, better: 'reports, shows' },
  { pattern: /\banew\b/i, better: 'again, from scratch' },
  { pattern: /\bwho(so)?ever\b/i, better: 'any client that, the caller' },
  { pattern: /\bgoes\b/i, better: 'is sent, moves, continues, is removed' },
  { pattern: /\bso (many|long|much)\b/i, better: 'that many, at most N; for that long' },
  { pattern: /\btakes? (itself|themselves) for\b/i, better: 'still believes it is' },
  { pattern: /\bwho (leads|led)\b|\bleads now\b/i, better: 'which broker is the leader' },
  { pattern: /\bin vain\b/i, better: 'without success' },
  { pattern: /\bunder way\b/i, better: 'in flight, in progress' },
  { pattern: /\ball the same\b/i, better: 'nevertheless, anyway' },
  { pattern: /\bwell or badly\b/i, better: 'acknowledged or failed' },
  { pattern: /\b(no|some)body\b(?! inspects)|\bsomeone\b/i, better: 'name the party: no client, the caller' },
  { pattern: /\bwants\b/i, better: 'requires, expects, needs' },
  { pattern: /\blies\b/i, better: 'is, is stored' },
  { pattern: /\bcompany\b/i, better: 'more records' },
  { pattern: /\bgave\b/i, better: 'returned, passed' },
  { pattern: /\bat once\b/i, better: 'immediately; at the same time' },
  { pattern: /\bshall\b/i, better: 'must' },
  { pattern: /\b(whence|thereof|therein|thereby)\b/i, better: 'from which, of it' },
  { pattern: /\b(stands?|stood) (in|beside|there|elsewhere)\b/i, better: 'is in, is next to' },
  { pattern: /\b(stops?|stopped|ends?|ended|closes?|closed) in order\b/i, better: 'shuts down cleanly' },
  { pattern: /\bplace in the group\b|\blost the place\b/i, better: 'group membership' },
  { pattern: /\bin measure\b/i, better: 'rate-limited' },
  { pattern: /\bsee to (it|the)\b|\bsees to\b/i, better: 'ensures, makes sure' },
]

/** Without `errors.ts`, which has `describePartition`. */
const clientSource = /^packages\/client\/src\/(?!errors\.ts).*(?<!\.test)\.ts$/
const test = /\.test\.ts$/

/** Forms of messages and titles. */
const forms: readonly Refused[] = [
  {
    pattern: /new KafkaError\('[A-Z_]+', ['"`][a-z]/,
    better: 'a message that starts with a capital letter',
    where: clientSource,
  },
  {
    pattern: /topic '\$\{[^}]+\}',? \(?partition|partition \$\{[^}]+\} of (topic )?'?\$\{/,
    better: "describePartition: topic 'orders', partition 3",
    where: clientSource,
  },
  { pattern: /\bit(\.each|\.skipIf|\.runIf)?\(\s*['"`[]/, better: 'test', where: test },
  {
    pattern: /\b(test|describe)(\.each\(.*\))?\(\s*['"`](it )?should\b/i,
    better: 'a statement in the present tense',
    where: test,
  },
  { pattern: /\bpnpm (conformance|soak|crash|bench|mutants|fuzz|coverage|test)\b/, better: 'npm run …' },
  {
    pattern: /\bR\d{1,2}\b(?! ?[=:(])/,
    better: 'a sentence: the numbered document is not in the repository',
    where: /^(packages\/[^/]+\/(src|test)\/.*\.(ts|md)|docs\/.*\.md)$/,
  },
]

/** What a line breaks, and the better words. */
export function refusedIn(path: string, line: string): Refused[] {
  return [...words, ...forms].filter(({ pattern, where }) => (where?.test(path) ?? true) && pattern.test(line))
}
