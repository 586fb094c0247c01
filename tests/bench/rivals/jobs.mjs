// The rivals of tenfold.job, at their best: graphile-worker with its local queue and batched completions, pg-boss by
// fetch() and complete() of whole batches (its work() asks at most twice a second).
//
//   node jobs.mjs graphile|boss fill N       enqueues N jobs, in sets of 1000
//   node jobs.mjs graphile|boss work N S     works until N are done, or S seconds are over
//   node jobs.mjs graphile|boss both N S     does both at once
//
// Prints {"done": …, "seconds": …}. Postgres by PGHOST and so on.
import PgBoss from 'pg-boss'
import graphile from 'graphile-worker'
import pg from 'pg'

const [system, deed, count, limit] = process.argv.slice(2)
const jobs = Number(count)
const set = 1000

const systems = {
  graphile: {
    async open() {
      this.pool = new pg.Pool({ max: 8 })
      this.silent = new graphile.Logger(() => () => {})
      await graphile.runMigrations({ pgPool: this.pool, logger: this.silent })
      this.utils = await graphile.makeWorkerUtils({ pgPool: this.pool, logger: this.silent })
    },
    enqueue(size) {
      return this.utils.addJobs(Array.from({ length: size }, (_, n) => ({ identifier: 'noop', payload: { n } })))
    },
    async work(until) {
      let done = 0
      const runner = await graphile.run({
        pgPool: this.pool,
        logger: this.silent,
        noHandleSignals: true,
        taskList: { noop: async () => { done++ } },
        preset: { worker: { concurrentJobs: 64, localQueue: { size: 1000 }, completeJobBatchDelay: 0, failJobBatchDelay: 0, pollInterval: 20, maxPoolSize: 8 } },
      })
      while (done < jobs && Date.now() < until) await sleep(5)
      await runner.stop() // writes the completions that are left
      return done
    },
    async close() {
      await this.utils.release()
      await this.pool.end()
    },
  },
  boss: {
    async open() {
      this.boss = new PgBoss({ max: 8, supervise: false, schedule: false })
      await this.boss.start()
      await this.boss.createQueue('noop')
    },
    enqueue(size) {
      return this.boss.insert(Array.from({ length: size }, (_, n) => ({ name: 'noop', data: { n } })))
    },
    async work(until) {
      let done = 0
      const loop = async () => {
        while (done < jobs && Date.now() < until) {
          const batch = await this.boss.fetch('noop', { batchSize: set })
          if (batch.length === 0) {
            await sleep(5)
            continue
          }
          await this.boss.complete('noop', batch.map((job) => job.id))
          done += batch.length
        }
      }
      await Promise.all([loop(), loop(), loop(), loop()])
      return done
    },
    close() {
      return this.boss.stop({ graceful: false })
    },
  },
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

async function fill(one) {
  for (let left = jobs; left > 0; left -= set) await one.enqueue(Math.min(set, left))
  return jobs
}

const one = systems[system]
await one.open()
const start = Date.now()
const until = start + Number(limit ?? 3600) * 1000
const done = deed === 'fill' ? await fill(one) : deed === 'work' ? await one.work(until) : (await Promise.all([one.work(until), fill(one)]))[0]
console.log(JSON.stringify({ done, seconds: (Date.now() - start) / 1000 }))
await one.close()
process.exit(0)
