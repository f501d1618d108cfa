// bleno as a peripheral, told on its command line what to serve; what happens to it is said, a line each.
'use strict';

const bleno = require('@stoprocent/bleno');

const [name, service, value, text, news] = process.argv.slice(2);

function say(word, what) {
  console.log(JSON.stringify([word, what]));
}

class Value extends bleno.Characteristic {
  constructor() {
    super({ uuid: value, properties: ['read', 'write', 'writeWithoutResponse', 'notify'] });
  }

  onReadRequest(connection, offset, callback) {
    callback(this.RESULT_SUCCESS, Buffer.from(text).subarray(offset));
  }

  onWriteRequest(connection, data, offset, withoutResponse, callback) {
    say(withoutResponse ? 'commanded' : 'written', data.toString());
    callback(this.RESULT_SUCCESS);
  }

  onSubscribe(connection, maxValueSize, update) {
    say('subscribed', maxValueSize);
    update(Buffer.from(news));
  }

  onUnsubscribe() {
    say('unsubscribed', true);
  }
}

bleno.on('accept', (address) => say('accepted', address));
bleno.on('disconnect', (address) => say('left', address));

async function main() {
  await bleno.waitForPoweredOnAsync();
  await bleno.setServicesAsync([new bleno.PrimaryService({ uuid: service, characteristics: [new Value()] })]);
  await bleno.startAdvertisingAsync(name, []);
  say('advertising', bleno.address);
}

main().catch((error) => {
  say('failed', String(error.stack));
  process.exit(1);
});
