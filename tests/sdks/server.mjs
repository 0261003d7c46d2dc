// What a server does with Segment's SDK: node server.mjs URL WRITE_KEY. Prints the errors it was told, as JSON.
import { Analytics } from '@segment/analytics-node'

const [host, writeKey] = process.argv.slice(2)
const analytics = new Analytics({ host, writeKey, maxRetries: 0, flushAt: 5, httpRequestTimeout: 60000 })
const errors = []
analytics.on('error', (error) => errors.push(String(error.reason ?? error.code)))

analytics.track({ anonymousId: 'n-1', event: 'visited', properties: { path: '/' } })
analytics.identify({ userId: 'user-1', anonymousId: 'n-1', traits: { email: 'Ana@Example.test', first_name: 'Zoë' } })
analytics.track({ userId: 'user-1', event: 'order_placed', properties: { total: 49.9 } })
analytics.page({ userId: 'user-1', name: 'Pricing', category: 'Docs' })
analytics.screen({ userId: 'user-1', name: 'Home' })
analytics.group({ userId: 'user-1', groupId: 'acme', traits: { industry: 'shoes' } })
analytics.alias({ previousId: 'n-1', userId: 'user-1' })
for (let number = 0; number < 40; number++) {
  analytics.track({ userId: 'user-1', event: `counted ${number}` })
}
await analytics.closeAndFlush({ timeout: 90000 })
console.log(JSON.stringify(errors))
