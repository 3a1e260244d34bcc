// A WebSocket client like a browser's: {modules, url, ca, subprotocols, origin, messages, ending} on standard input.
// Sends each message (base64), collects what comes until as many bytes are back, closes, and prints what it saw.
const chunks = [];
process.stdin.on('data', (chunk) => chunks.push(chunk));
process.stdin.on('end', () => {
  const task = JSON.parse(Buffer.concat(chunks).toString());
  const WebSocket = require(task.modules + '/ws');
  const seen = { data: [], pongs: [] };
  const options = { origin: task.origin, perMessageDeflate: true };
  if (task.ca) options.ca = task.ca;
  const socket = new WebSocket(task.url, task.subprotocols, options);
  const messages = task.messages.map((message) => Buffer.from(message, 'base64'));
  let left = messages.reduce((sum, message) => sum + message.length, 0);
  const end = () => {
    if (task.ending === 'terminate') socket.terminate();
    else if (task.ending === 'text') socket.send('text');
    else socket.close(task.ending, 'done');
  };
  socket.on('open', () => {
    seen.protocol = socket.protocol;
    seen.extensions = socket.extensions;
    socket.ping('beat');
    for (const message of messages) socket.send(message);
    if (!left) end();
  });
  socket.on('pong', (data) => seen.pongs.push(data.toString()));
  socket.on('message', (data, binary) => {
    seen.binary = binary;
    seen.data.push(data);
    left -= data.length;
    if (!left) end();
  });
  socket.on('unexpected-response', (request, response) => {
    seen.status = response.statusCode;
    request.destroy();
    report();
  });
  socket.on('error', (error) => { seen.error = error.message; });
  socket.on('close', (code, reason) => { seen.code = code; seen.reason = reason.toString(); report(); });
  let reported = false;
  const report = () => {
    if (reported) return;
    reported = true;
    seen.data = Buffer.concat(seen.data).toString('base64');
    process.stdout.write(JSON.stringify(seen));
  };
});
