require "socket"

# Wire is the worker's end of a control socket, as docs/worker-protocol.md says.
class Anyfpm::Wire
  VERSION = 1

  # Flags of END and FINISH.
  RETIRE, FAILED, COMPILED, DRAIN_STDOUT, DRAIN_STDERR = 1, 2, 4, 8, 16

  attr_reader :socket

  def initialize(socket)
    @socket = socket
    @rest = "".b
    @descriptors = [] # received and not yet taken, in order
  end

  # pending? tells whether (part of) a message has been read already.
  def pending?
    !@rest.empty?
  end

  def take_descriptors(count)
    @descriptors.shift(count)
  end

  # receive returns the type and the content of the next message. The end of
  # the stream is the end of the process.
  def receive
    data = @rest.empty? ? more : @rest
    data += more while data.bytesize < 5
    length, type = data.unpack("Na")
    data += more while data.bytesize < 4 + length
    @rest = data.byteslice(4 + length..)
    [type, data.byteslice(5, length - 1)]
  end

  # start returns the settings of START, the first message.
  def start
    type, content = receive
    version, *settings = content.split("\0", -1).map { |field| field.force_encoding(Encoding.default_external) }
    if type != "S" || version != VERSION.to_s
      abort "anyfpm: this worker speaks version #{VERSION} of the worker protocol, not #{version}"
    end
    settings.each_slice(2).select { |pair| pair.size == 2 }.to_h
  end

  # hello says that the worker is ready, and takes bodies of so many bytes inline.
  def hello(inline)
    put("H", [VERSION, "ruby", RUBY_VERSION, Process.pid, inline].map { |field| "#{field}\0" }.join)
  end

  # finish_request ends the request. Its response is on descriptor 1.
  def finish_request(flags, status)
    put("E", [flags, status].pack("CC"))
  end

  # finish_response ends the response; the request goes on.
  def finish_response(flags)
    put("F", [flags, 0].pack("CC"))
  end

  # child answers FORK; pid 0 says that it failed.
  def child(pid)
    put("P", [pid].pack("N"))
  end

  # exited reports a child's wait status.
  def exited(pid, status)
    put("X", [pid, status].pack("NN"))
  end

  private

  def put(type, content)
    frame = [1 + content.bytesize, type].pack("Na") << content
    frame = frame.byteslice(@socket.syswrite(frame)..) until frame.empty?
  rescue Errno::EPIPE
    exit!(0)
  end

  def more
    data, _, _, *controls = @socket.recvmsg(32768, 0, 64, scm_rights: true)
    controls.each { |control| @descriptors.concat(control.unix_rights) }
    exit(0) if data.nil? || data.empty?
    data
  end
end
