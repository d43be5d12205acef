import { AddRaftVoter, RemoveRaftVoter } from '@ottla/codec'
import { conformance } from '../case.ts'

const directory = 'AAAAAAAAAAAAAAAAAAAAAg'
const noDirectory = 'AAAAAAAAAAAAAAAAAAAAAA'
const controller = { name: 'CONTROLLER', host: 'localhost', port: 1 }

const voter = { clusterId: null, voterId: 4, voterDirectoryId: directory }
const newVoter = { ...voter, timeoutMs: 1000, listeners: [controller] }

/** Clusters with kraft.version 0 have fixed voters. */
export const addRaftVoter = conformance(AddRaftVoter, {
  async valid(stage) {
    await stage.ask('a voter', newVoter)
    await stage.ask('with two listeners', { ...newVoter, listeners: [{ ...controller, name: 'OTHER' }, controller] })
  },
  async invalid(stage) {
    await stage.ask('no id', { ...newVoter, voterId: -1 })
    await stage.ask('no directory', { ...newVoter, voterDirectoryId: noDirectory })
    await stage.ask('no listener', { ...newVoter, listeners: [] })
    await stage.ask('another listener', { ...newVoter, listeners: [{ name: 'OTHER', host: 'there', port: 2 }] })
  },
  async wrongState(stage) {
    await stage.ask('votes already', { ...newVoter, voterId: 1 })
    // The message contains the cluster id.
    stage.drop('errorMessage')
    await stage.ask('another cluster', { ...newVoter, clusterId: 'other' })
  },
})

export const removeRaftVoter = conformance(RemoveRaftVoter, {
  async valid(stage) {
    await stage.ask('a voter', { ...voter, voterId: 3 })
  },
  async invalid(stage) {
    await stage.ask('no id', { ...voter, voterId: -1 })
    await stage.ask('no directory', { ...voter, voterDirectoryId: noDirectory })
  },
  async wrongState(stage) {
    await stage.ask('does not vote', voter)
    stage.drop('errorMessage')
    await stage.ask('another cluster', { ...voter, clusterId: 'other' })
  },
})
