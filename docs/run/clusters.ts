// `createCluster` as the blocks of the documentation see it: its clusters are closed at the end.
import { type ClusterOptions, createCluster as realCreateCluster, type TestCluster } from '@ottla/testkit'
import { made } from './world.ts'

export async function createCluster(options?: ClusterOptions): Promise<TestCluster> {
  const cluster = await realCreateCluster(options)
  made.clusters.add(cluster)
  return cluster
}
