// What the blocks that are tests use without importing it.
import { createCluster } from '@ottla/testkit'
import { Kafka } from 'ottla'

Object.assign(globalThis, { createCluster, Kafka })
