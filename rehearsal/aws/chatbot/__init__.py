"""The simulated AWS Chatbot."""
