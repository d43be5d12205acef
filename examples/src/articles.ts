import type { Consumer, Message, Producer } from 'ottla'
import type { Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

const rawArticles = [
  '<h1>The Harbour</h1> <p>The boat is in the harbour. The harbour is quiet.</p>',
  '<p>A letter for the sister: the letter is long, the evening is short.</p>',
  '<p>In the morning the boat   leaves; the sister waves.</p>',
]

/** Consume, transform, produce: raw articles become clean text, clean text becomes counts of words. */
export async function articles(stage: Stage): Promise<void> {
  await stage.createTopics([
    { name: 'articles-raw', partitions: 2 },
    { name: 'articles-clean', partitions: 2 },
    { name: 'articles-words', partitions: 2 },
  ])
  const stages = [
    transform(stage, 'cleaner', 'articles-raw', ({ key, value }) => [
      { topic: stage.named('articles-clean'), key: String(key), value: clean(String(value)) },
    ]),
    transform(stage, 'splitter', 'articles-clean', ({ value }) =>
      String(value)
        .split(' ')
        .map((word) => ({ topic: stage.named('articles-words'), key: word, value: '1' })),
    ),
  ]
  const producer = stage.app('newsroom').kafka.producer()
  const topic = stage.named('articles-raw')
  await producer.send(rawArticles.map((value, i) => ({ topic, key: `article-${i + 1}`, value })))
  const counts = await countWords(stage, rawArticles.map(clean).join(' ').split(' ').length)
  const ranked = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  for (const [word, count] of ranked.slice(0, 5)) stage.say(`  ${'▇'.repeat(count)} ${count} ${word}`)
  await Promise.all(stages.map((consumer) => consumer.close()))
}

function clean(html: string): string {
  const text = html.replaceAll(/<[^>]*>/g, ' ').replaceAll(/[^\p{L}\s]/gu, ' ')
  return text.replaceAll(/\s+/g, ' ').trim().toLowerCase()
}

type Output = { topic: string; key: string; value: string }

/** Commits a record only when all its outputs are acknowledged: a crash repeats work, and loses none. */
function transform(stage: Stage, name: string, from: string, map: (message: Message) => Output[]): Consumer {
  const { kafka, onFailure } = stage.app(name)
  const producer: Producer = kafka.producer()
  const consumer = kafka.consumer({
    groupId: stage.named(`articles-${name}`),
    topics: [stage.named(from)],
    offsetReset: 'earliest',
    commit: 'manual',
  })
  const each = async (message: Message) => {
    await producer.send(map(message))
    await consumer.commit(message)
  }
  consumer.run({ each }).catch(onFailure)
  return consumer
}

async function countWords(stage: Stage, expected: number): Promise<Map<string, number>> {
  const consumer = stage.app('counter').kafka.consumer({
    groupId: stage.named('articles-counter'),
    topics: [stage.named('articles-words')],
    offsetReset: 'earliest',
  })
  const counts = new Map<string, number>()
  let read = 0
  for await (const { key } of consumer) {
    counts.set(String(key), (counts.get(String(key)) ?? 0) + 1)
    if (++read === expected) break
  }
  await consumer.close()
  return counts
}

startWhenMain('articles', 'articles: a pipeline of three topics, from raw text to counts of words', articles)
