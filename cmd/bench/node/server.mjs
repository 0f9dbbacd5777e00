// The script that everybody writes: SETNX, then a row. Called as
// node server.mjs PORT CLICKHOUSE_URL REDIS_HOST:PORT
import Fastify from 'fastify'
import { createClient as clickhouse } from '@clickhouse/client'
import { createClient as redis } from 'redis'

const [port, store, memory] = process.argv.slice(2)
const address = new URL(store)
const table = clickhouse({
  url: `http://${address.host}`, username: address.username, password: decodeURIComponent(address.password), max_open_connections: 48,
})
const seen = redis({ url: `redis://${memory}` })
await seen.connect()

const app = Fastify()
app.get('/healthz', async () => 'ok')
app.post('/', async (request) => {
  const lead = request.body
  if (!(await seen.set(`seen:${lead.id}`, '1', { NX: true, EX: 86400 }))) return { ok: true }
  await table.insert({
    table: 'default.bench_leads', format: 'JSONEachRow',
    values: [{ id: lead.id, email: lead.email, phone: lead.phone, name: lead.name, page_url: lead.page_url, raw: JSON.stringify(lead) }],
  })
  return { ok: true }
})
await app.listen({ port: Number(port), host: '127.0.0.1' })
