// Sends what standard input asks for: {modules, transport, messages}. Prints what the server answered, as JSON.
// A message whose `raw` is given in base64 goes out as it is.
const chunks = [];
process.stdin.on('data', (chunk) => chunks.push(chunk));
process.stdin.on('end', async () => {
  const task = JSON.parse(Buffer.concat(chunks).toString());
  const nodemailer = require(task.modules + '/nodemailer');
  const transport = nodemailer.createTransport(task.transport);
  const answers = [];
  for (const message of task.messages) {
    if (message.raw) message.raw = Buffer.from(message.raw, 'base64');
    try {
      const info = await transport.sendMail(message);
      answers.push({ accepted: info.accepted, rejected: info.rejected, response: info.response });
    } catch (error) {
      answers.push({ error: error.code, code: error.responseCode, response: error.response });
    }
  }
  transport.close();
  process.stdout.write(JSON.stringify(answers));
});
